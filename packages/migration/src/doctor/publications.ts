import { type Finding, finding } from './finding.ts'
import { ident, oids, type SideView } from './scene.ts'

/** Other replication that carries moved tables away, or writes them. */
export const publicationChecks = [allTables, others, subscriptions]

async function allTables(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ name: string }>(
    'SELECT pubname::text AS name FROM pg_publication WHERE puballtables ORDER BY 1',
  )
  return rows.map(({ name }) =>
    finding(
      'publication-all-tables',
      'warning',
      `${side.name} publication ${ident(name)}`,
      'FOR ALL TABLES carries the moved tables, with every row that is copied or applied, and our own bookkeeping to its subscribers; and a table without replica identity cannot be updated.',
      `DROP PUBLICATION ${ident(name)}; CREATE PUBLICATION ${ident(name)} FOR TABLE … (the tables it is for);`,
    ),
  )
}

async function others(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ name: string; tables: string }>(
    `SELECT p.pubname::text AS name, string_agg(DISTINCT t.oid::regclass::text, ', ') AS tables
       FROM pg_publication p
       CROSS JOIN LATERAL pg_get_publication_tables(p.pubname) AS g
       JOIN pg_class t ON t.oid = g.relid
      WHERE NOT p.puballtables AND p.pubname NOT LIKE 'banyan\\_%' AND t.oid = ANY ($1::oid[])
      GROUP BY p.pubname ORDER BY 1`,
    [oids(side)],
  )
  return rows.map(({ name, tables }) =>
    finding(
      'publication-includes-moved',
      'warning',
      `${side.name} publication ${ident(name)}`,
      `It publishes ${tables}: its subscribers see the applied rows as well, and stop seeing changes once the extraction is complete.`,
      `Subscribe to the other side instead; then ALTER PUBLICATION ${ident(name)} DROP TABLE ${tables};`,
    ),
  )
}

async function subscriptions(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ name: string; tables: string }>(
    `SELECT s.subname::text AS name, string_agg(r.srrelid::regclass::text, ', ') AS tables
       FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid
      WHERE r.srrelid = ANY ($1::oid[])
      GROUP BY s.subname ORDER BY 1`,
    [oids(side)],
  )
  return rows.map(({ name, tables }) =>
    finding(
      'subscription-writes-moved',
      'error',
      `${side.name} subscription ${ident(name)}`,
      `It writes ${tables}: a second source of rows, and one that the guard does not stop, since a subscription fires no statement triggers.`,
      `ALTER SUBSCRIPTION ${ident(name)} DISABLE; or drop the tables from its publication and: ALTER SUBSCRIPTION ${ident(name)} REFRESH PUBLICATION;`,
    ),
  )
}
