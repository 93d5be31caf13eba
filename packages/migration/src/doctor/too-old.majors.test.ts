import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import { installSide } from '@banyan/replication'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clinic, lines, NOTES, NOTES_SPEC, only, openClinic } from './fixture.ts'

let clinic: Clinic
let old: EmbeddedPostgres
beforeAll(async () => {
  clinic = await openClinic()
  old = await EmbeddedPostgres.start({ version: 13 })
})
afterAll(() => Promise.all([clinic?.close(), old?.stop()]))

describe('a server older than 14', () => {
  it('is the only thing the doctor tells, since its other questions need a newer one', async () => {
    const findings = await clinic.examine({ source: NOTES, tables: [NOTES_SPEC] }, undefined, old)
    expect(lines(findings)).toEqual(['error server-version source server'])
    expect(only(findings, 'server-version')[0]!.mend).toContain('PostgreSQL 14 or newer')
  })

  it('is refused before anything is installed', async () => {
    const pool = createPool(old.url(), { name: 'test' })
    await expect(installSide(pool)).rejects.toMatchObject({ code: 'SERVER_TOO_OLD' })
    const { rows } = await pool.query("SELECT to_regnamespace('banyan') AS schema")
    expect(rows).toEqual([{ schema: null }])
    await pool.end()
  })
})
