import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createServiceDatabase, ownDatabaseSql, serviceDatabaseSql } from '../service-database.ts'
import { startEveryService } from '../testing/every-service.ts'

let all: Awaited<ReturnType<typeof startEveryService>>
let admin: pg.Client
beforeAll(async () => {
  all = await startEveryService()
  admin = new pg.Client(all.databaseUrl)
  await admin.connect()
})
afterAll(async () => {
  await admin?.end()
  await all?.stop()
})

it('no service may read or write a table of another, though all are in one database', async () => {
  const { rows } = await admin.query<{ role: string; own: number; others: string[] }>(`
    SELECT r.rolname AS role,
        count(*) FILTER (WHERE c.relowner = r.oid)::int AS own,
        coalesce(array_agg(c.oid::regclass::text) FILTER (WHERE c.relowner <> r.oid AND (
          has_schema_privilege(r.oid, n.oid, 'USAGE') OR has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE'))),
          '{}') AS others
      FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE r.rolname LIKE '%\\_service\\_user' AND c.relkind IN ('r', 'p', 'v', 'm')
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
     GROUP BY r.rolname ORDER BY r.rolname`)
  expect(rows.map(({ role }) => role)).toEqual(
    all.services.map(({ name }) => `${name}_service_user`).sort(),
  )
  expect(rows.filter(({ own }) => own === 0)).toEqual([])
  expect(rows.filter(({ others }) => others.length > 0)).toEqual([])
})

it('a service that tries is refused', async () => {
  await admin.query('SET ROLE wishlist_service_user')
  await expect(admin.query('SELECT FROM gallery.images')).rejects.toMatchObject({ code: '42501' })
  await expect(admin.query('DELETE FROM moc.mocs')).rejects.toMatchObject({ code: '42501' })
  await admin.query('SELECT FROM wishlist.items')
  await admin.query('RESET ROLE')
})

it('a service’s role connects to its own database, and to no other’s, nor to a copy', async () => {
  const wishlist = new URL(await createServiceDatabase(all.databaseUrl, 'own_wishlist'))
  const [role] = serviceDatabaseSql('own_moc', 'moc')
  for (const sql of [role!, ...ownDatabaseSql('own_moc', 'own_wishlist')]) await admin.query(sql)
  const moc = new URL(wishlist)
  Object.assign(moc, { username: 'own_moc_service_user', password: 'moc', pathname: '/own_moc' })
  const connect = async (as: URL, to: URL) => {
    const url = new URL(as)
    url.pathname = to.pathname
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    await client.query('CREATE SCHEMA made')
    await client.end()
  }
  await connect(wishlist, wishlist)
  await connect(moc, moc)
  for (const [one, other] of [[wishlist, moc] as const, [moc, wishlist] as const]) {
    await expect(connect(one, other)).rejects.toMatchObject({ code: '42501' })
  }
})

it('the README makes a service’s role and database as the demonstration does', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const sql of serviceDatabaseSql('moc', '…')) expect(readme).toContain(`${sql};\n`)
})
