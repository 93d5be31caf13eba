import { type Finding, finding } from './finding.ts'
import { at, ident, oids, type SideView } from './scene.ts'

/** What the role of the plan's URLs must be allowed to do, on each side. */
export const roleChecks = [
  mayReplicate,
  maySilenceTriggers,
  mayUseOrigins,
  mayCreate,
  ownsTables,
  ownsSequences,
  seesSessions,
]

async function mayReplicate(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ allowed: boolean }>(
    `SELECT r.rolreplication OR r.rolsuper OR EXISTS (
              SELECT FROM pg_roles m WHERE m.rolname = 'rds_replication'
                 AND pg_has_role(current_user, m.oid, 'MEMBER')) AS allowed
       FROM pg_roles r WHERE r.rolname = current_user`,
  )
  if (rows[0]!.allowed) return []
  return [
    finding(
      'role-replication',
      'error',
      `${side.name} role ${side.role}`,
      'The role may not open a replication connection, so there is no change stream.',
      `ALTER ROLE ${ident(side.role)} REPLICATION; (Amazon RDS: GRANT rds_replication TO ${ident(side.role)};)`,
    ),
  ]
}

async function maySilenceTriggers(side: SideView): Promise<Finding[]> {
  // Tried, for the length of this transaction: managed servers let roles do it that are no superusers.
  const INSUFFICIENT_PRIVILEGE = '42501'
  const refused = await side
    .rows(`SELECT set_config('session_replication_role', 'replica', true)`)
    .then(
      () => false,
      (error: { code?: string }) => {
        if (error.code === INSUFFICIENT_PRIVILEGE) return true
        throw error
      },
    )
  if (!refused) return []
  return [
    finding(
      'role-session-replication-role',
      'error',
      `${side.name} role ${side.role}`,
      'The role may not set session_replication_role: foreign keys and triggers of the application would fire a second time for every row that is copied or applied.',
      side.version >= 150_000
        ? `GRANT SET ON PARAMETER session_replication_role TO ${ident(side.role)};`
        : `ALTER ROLE ${ident(side.role)} SUPERUSER; (PostgreSQL 15 and newer can grant this one setting; on a managed server use the role it gives its administrator)`,
    ),
  ]
}

async function mayUseOrigins(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ signature: string }>(
    `SELECT p.oid::regprocedure::text AS signature
       FROM pg_proc p
      WHERE p.pronamespace = 'pg_catalog'::regnamespace
        AND p.proname IN ('pg_replication_origin_create', 'pg_replication_origin_drop',
                          'pg_replication_origin_session_setup')
        AND NOT has_function_privilege(p.oid, 'EXECUTE')
      ORDER BY 1`,
  )
  if (rows.length === 0) return []
  return [
    finding(
      'role-replication-origin',
      'error',
      `${side.name} role ${side.role}`,
      `The role may not call ${rows.length} of the replication origin functions, by which applied rows are told from the application's own.`,
      rows
        .map(({ signature }) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${ident(side.role)};`)
        .join(' '),
    ),
  ]
}

async function mayCreate(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ allowed: boolean }>(
    `SELECT has_database_privilege(current_database(), 'CREATE') AS allowed`,
  )
  if (rows[0]!.allowed) return []
  return [
    finding(
      'role-create',
      'error',
      `${side.name} role ${side.role}`,
      `The role may not create the schema "banyan" and a publication in database "${side.database}".`,
      `GRANT CREATE ON DATABASE ${ident(side.database)} TO ${ident(side.role)};`,
    ),
  ]
}

async function ownsTables(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ oid: number; owner: string }>(
    `SELECT c.oid, pg_get_userbyid(c.relowner)::text AS owner
       FROM pg_class c
      WHERE c.oid = ANY ($1::oid[]) AND NOT pg_has_role(current_user, c.relowner, 'USAGE')`,
    [oids(side)],
  )
  return rows.map(({ oid, owner }) =>
    finding(
      'role-table-owner',
      'error',
      at(side, side.tables.find((table) => table.oid === oid)!),
      `The table belongs to "${owner}"; only its owner can publish it and put the guard on it.`,
      `GRANT ${ident(owner)} TO ${ident(side.role)};`,
    ),
  )
}

async function ownsSequences(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ sequence: string; owner: string }>(
    `SELECT DISTINCT s.oid::regclass::text AS sequence, pg_get_userbyid(s.relowner)::text AS owner
       FROM pg_depend d
       JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
       JOIN pg_class s ON d.refclassid = 'pg_class'::regclass AND s.oid = d.refobjid AND s.relkind = 'S'
      WHERE f.adrelid = ANY ($1::oid[]) AND NOT pg_has_role(current_user, s.relowner, 'USAGE')`,
    [oids(side)],
  )
  return rows.map(({ sequence, owner }) =>
    finding(
      'role-sequence-owner',
      'error',
      `${side.name} sequence ${sequence}`,
      `The sequence belongs to "${owner}"; both sides draw from disjoint halves, which only its owner can arrange.`,
      `GRANT ${ident(owner)} TO ${ident(side.role)};`,
    ),
  )
}

async function seesSessions(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ allowed: boolean }>(
    `SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS allowed`,
  )
  if (rows[0]!.allowed) return []
  return [
    finding(
      'role-monitor',
      'warning',
      `${side.name} role ${side.role}`,
      "The role does not see what other roles' sessions do: long transactions stay unseen, and a copy waits for every transaction that is open when it begins.",
      `GRANT pg_monitor TO ${ident(side.role)};`,
    ),
  ]
}
