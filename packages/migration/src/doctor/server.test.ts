import { EmbeddedPostgres, freePort } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answering,
  type Clinic,
  fingerprint,
  lines,
  NOTES,
  NOTES_SPEC,
  only,
  openClinic,
} from './fixture.ts'
import { diagnose, type Finding } from './index.ts'

let clinic: Clinic
let replica: EmbeddedPostgres
beforeAll(async () => {
  clinic = await openClinic()
  replica = await EmbeddedPostgres.start({
    settings: {
      wal_level: 'replica',
      max_replication_slots: 0,
      max_active_replication_origins: 0,
      max_wal_senders: 0,
      max_slot_wal_keep_size: '64MB',
      synchronous_commit: 'off',
    },
  })
})
afterAll(async () => {
  await Promise.all([clinic?.close(), replica?.stop()])
})

describe('the doctor, on a healthy pair', () => {
  it('finds no error, and notes what is worth knowing', async () => {
    const findings = await clinic.examine({ source: NOTES, tables: [NOTES_SPEC] })
    expect(lines(findings)).toEqual([
      'note slot-keep-size source server',
      'note identity-column source public.notes',
      'note slot-keep-size target server',
      'note identity-column target public.notes',
    ])
  })

  it('takes quoted, mixed-case names as they are', async () => {
    const findings = await clinic.examine({
      source:
        'CREATE SCHEMA "My App"; CREATE TABLE "My App"."Notes" (id uuid PRIMARY KEY, "userId" uuid NOT NULL)',
      tables: [{ source: '"My App"."Notes"', target: '"My App"."Notes"', owner: 'userId' }],
    })
    expect(findings.filter((one) => one.severity !== 'note')).toEqual([])
  })
})

describe('the doctor, on the servers', () => {
  it('tells each setting that a change stream or a handover needs, with the SQL that mends it', async () => {
    const findings = await clinic.examine(
      { source: NOTES, tables: [NOTES_SPEC] },
      undefined,
      replica,
    )
    expect(lines(findings)).toEqual(
      expect.arrayContaining([
        'error wal-level source server',
        'error replication-slots source server',
        'error wal-senders source server',
        'error replication-origins source server',
        'warning slot-keep-size source server',
        'warning wal-sender-timeout source server',
        'warning asynchronous-commit source server',
      ]),
    )
    expect(only(findings, 'wal-level')[0]!.mend).toBe(
      "ALTER SYSTEM SET wal_level = 'logical'; then restart the server.",
    )
  })

  it('refuses one database for both sides, and warns of sharing it with the control plane', async () => {
    const one = await clinic.patient({
      source: NOTES,
      tables: [NOTES_SPEC],
    })
    const { databaseUrl } = one.plan.monolith
    const findings = await diagnose(
      {
        ...one.plan,
        control: { ...one.plan.control, databaseUrl },
        extractions: [
          { ...one.plan.extractions[0]!, service: { url: clinic.httpUrl, databaseUrl } },
        ],
      },
      'notes',
    )
    await one.end()
    expect(only(findings, 'same-database')).toHaveLength(1)
    expect(only(findings, 'control-database-shared')).toHaveLength(1)
  })

  it('tells transactions that are open right now', async () => {
    const findings = await clinic.examine(
      { source: NOTES, tables: [NOTES_SPEC] },
      async ({ source }) => {
        const idle = await source.connect()
        await idle.query('BEGIN')
        await idle.query("INSERT INTO public.notes (user_id, body) VALUES ('a', 'b')")
        const prepared = await source.connect()
        await prepared.query('BEGIN')
        await prepared.query("INSERT INTO public.notes (user_id, body) VALUES ('c', 'd')")
        await prepared.query("PREPARE TRANSACTION 'forgotten'")
        return async () => {
          await prepared.query("ROLLBACK PREPARED 'forgotten'")
          await idle.query('ROLLBACK')
          prepared.release()
          idle.release()
        }
      },
    )
    expect(only(findings, 'idle-in-transaction')[0]!.mend).toContain('pg_terminate_backend')
    expect(only(findings, 'prepared-transaction')[0]!.mend).toContain(
      "ROLLBACK PREPARED 'forgotten'",
    )
  })

  it('tells who does not answer, and never shows a password', async () => {
    const one = await clinic.patient({
      source: NOTES,
      tables: [NOTES_SPEC],
    })
    const closed = await freePort()
    const gone = `http://127.0.0.1:${closed}`
    const sick = await answering(503)
    const [extraction] = one.plan.extractions
    const away = await diagnose(
      {
        control: { ...one.plan.control, databaseUrl: `postgres://u:hidden@127.0.0.1:${closed}/c` },
        gateway: one.plan.gateway,
        monolith: {
          url: gone,
          databaseUrl: one.plan.monolith.databaseUrl.replace(':banyan@', ':wrong@'),
        },
        extractions: [
          { ...extraction!, service: { url: gone, databaseUrl: clinic.server.url('nowhere') } },
        ],
      },
      'notes',
    )
    const unwell = await diagnose(
      {
        ...one.plan,
        extractions: [{ ...extraction!, service: { ...extraction!.service, url: sick.url } }],
      },
      'notes',
    )
    sick.server.close()
    await one.end()
    expect(away.map((found) => found.check).sort()).toEqual([
      'control-database-unreachable',
      'monolith-unreachable',
      'service-unreachable',
      'source-database-unreachable',
      'target-database-unreachable',
    ])
    expect(JSON.stringify(away)).not.toMatch(/hidden|:wrong@|:banyan@/)
    expect(only(unwell, 'service-health')).toMatchObject([{ severity: 'error' }])
  })
})

describe('the doctor, on a role', () => {
  it('names each right that is missing, with the GRANT that gives it', async () => {
    const findings = await examineAs('modest')
    expect(lines(findings)).toEqual(
      expect.arrayContaining([
        'error role-replication source role modest',
        'error role-session-replication-role source role modest',
        'warning role-replication-origin source role modest',
        'error role-create source role modest',
        'error role-table-owner source "public"."notes"',
      ]),
    )
    expect(only(findings, 'role-table-owner')[0]!.mend).toBe('GRANT "postgres" TO "modest";')
  })

  async function examineAs(role: string): Promise<Finding[]> {
    const one = await clinic.patient({
      source: `${NOTES} CREATE ROLE ${role} LOGIN PASSWORD 'pw'; GRANT SELECT ON public.notes TO ${role}`,
      target: NOTES,
      tables: [NOTES_SPEC],
    })
    const databaseUrl = one.plan.monolith.databaseUrl.replace('postgres:banyan@', `${role}:pw@`)
    const before = await fingerprint(one.source)
    const findings = await diagnose(
      { ...one.plan, monolith: { url: clinic.httpUrl, databaseUrl } },
      'notes',
    )
    expect(await fingerprint(one.source)).toBe(before)
    await one.end()
    return findings
  }
})
