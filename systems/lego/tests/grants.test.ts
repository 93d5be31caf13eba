import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
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
