import { EmbeddedPostgres, freePort, type Pool } from '@banyan/postgres'
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
      // Counted by max_replication_slots before 18.
      ...(Number(process.env.BANYAN_POSTGRES ?? 18) < 18
        ? {}
        : { max_active_replication_origins: 0 }),
      max_wal_senders: 0,
      max_slot_wal_keep_size: '64MB',
      synchronous_commit: 'off',
    },
  })
})
afterAll(async () => {
  await Promise.all([clinic?.close(), replica?.stop()])
})

/** Waits until some session has been idle in its transaction for so many seconds. */
async function untilIdleFor(pool: Pool, seconds: number): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'
          AND state_change < clock_timestamp() - make_interval(secs => $1)`,
      [seconds],
    )
    if (rowCount !== 0) return
  }
}

describe('the fingerprint', () => {
  it.each([
    ['a row', "INSERT INTO public.notes (user_id) VALUES ('a')"],
    ['a setting of a role', "ALTER ROLE postgres SET work_mem = '5MB'"],
    ['a publication', 'CREATE PUBLICATION p FOR TABLE public.notes'],
    ['a number drawn', "SELECT nextval('public.notes_id_seq')"],
    ['a replica identity', 'ALTER TABLE public.notes REPLICA IDENTITY FULL'],
  ])('tells %s', async (_, sql) => {
    const one = await clinic.patient({ source: NOTES, tables: [NOTES_SPEC] })
    const before = await fingerprint(one.source)
    expect(await fingerprint(one.source)).toBe(before)
    await one.source.query(sql)
    expect(await fingerprint(one.source)).not.toBe(before)
    await one.end()
  })
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
        await untilIdleFor(source, 1.1)
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
        'error role-replication-origin source role modest',
        'warning role-monitor source role modest',
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
