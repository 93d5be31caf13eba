import { afterAll, beforeAll, expect, it } from 'vitest'
import { type MocProcess, type MocProcesses, startMocProcesses } from '../testing/moc-processes.ts'
import { eventually } from '../testing/processes.ts'

let running: MocProcesses
let others: MocProcesses['others']
let one: MocProcess

beforeAll(async () => {
  running = await startMocProcesses(1)
  others = running.others
  one = running.processes[0]!
})
afterAll(() => running?.stop())

const ask = (method: string, path: string, body?: unknown) =>
  running.ask('ada', one, method, path, body)
const totalOf = async (query = '') => {
  const { body } = await ask('GET', query)
  return body.pagination.total as number
}
const counted = async () => {
  const { rows } = await others.query('SELECT count(*)::int AS n FROM moc.mocs')
  return rows[0].n as number
}

it('knows how many MOCs there are, whoever adds or removes them', async () => {
  expect(await totalOf()).toBe(0)
  const { id } = (await ask('POST', '', { title: 'One', theme: 'Castle' })).body
  await ask('POST', '', { title: 'Two' })
  expect(await totalOf()).toBe(2)
  expect((await ask('DELETE', `/${id}`)).status).toBe(204)
  expect(await totalOf()).toBe(1)
  // What replication writes, many at once; what comes to nothing; and what changes no number.
  await others.query(`BEGIN; SET LOCAL session_replication_role = replica;
    INSERT INTO moc.mocs (owner_id, title, theme) SELECT 'eve', n, 'Space' FROM generate_series(1, 7) n;
    DELETE FROM moc.mocs WHERE title IN ('1', '2'); COMMIT`)
  await others.query(
    `BEGIN; INSERT INTO moc.mocs (owner_id, title) VALUES ('eve', 'never'); ROLLBACK`,
  )
  await others.query(`UPDATE moc.mocs SET theme = 'Town' WHERE title = '7'`)
  await others.query(`DELETE FROM moc.mocs WHERE title = 'nothing'`)
  expect(await counted()).toBe(6)
  expect(await totalOf()).toBe(6)
  expect(await totalOf('?theme=Space')).toBe(4)
  expect(await totalOf('?mine=true')).toBe(1)
  expect(await totalOf('?mine=true&theme=Space')).toBe(0)
  // Past the end there is no row to say it with.
  expect(await totalOf('?page=9')).toBe(6)
  expect(await totalOf('?page=9&theme=Space')).toBe(4)
})

it('counts what somebody writes who may write MOCs, and nothing beside', async () => {
  await others.query(`CREATE ROLE writer; GRANT USAGE ON SCHEMA moc TO writer;
    GRANT INSERT, DELETE ON moc.mocs TO writer`)
  const before = await totalOf()
  await others.query(`BEGIN; SET LOCAL ROLE writer;
    INSERT INTO moc.mocs (owner_id, title) VALUES ('eve', 'by another'); COMMIT`)
  expect(await totalOf()).toBe(before + 1)
})

it('keeps the sum in one row again after a while, and none after all MOCs went at once', async () => {
  await ask('POST', '', { title: 'Three' })
  const expected = await counted()
  await eventually('it is summed up', async () => {
    const { rows } = await others.query('SELECT change::int FROM moc.mocs_counted')
    return rows.length === 1 && rows[0].change === expected
  })
  expect(await totalOf()).toBe(expected)
  await others.query('TRUNCATE moc.mocs CASCADE')
  expect(await totalOf()).toBe(0)
  await ask('POST', '', { title: 'Four' })
  expect(await totalOf()).toBe(1)
})
