import { OLDEST_MAJOR } from '@banyan/replication'
import { type Finding, finding } from './finding.ts'
import type { Scene, SideView } from './scene.ts'

/** Settings of both servers that the streams and the handover need. */
export const serverChecks = [
  isPrimary,
  walLevel,
  freeSlots,
  freeSenders,
  freeOrigins,
  slotKeepSize,
  idleSlotTimeout,
  senderTimeout,
  sessionTimeouts,
  idleTransactionTimeout,
  asynchronousStandby,
  asynchronousCommit,
]

const NEWEST = 18
/** A system must come back to one owner within this long after a crash, ms. */
const RECOVERY_MS = 10_000

async function setting(side: SideView, name: string): Promise<string> {
  const rows = await side.rows<{ setting: string }>(
    'SELECT setting FROM pg_settings WHERE name = $1',
    [name],
  )
  return rows[0]?.setting ?? ''
}

export async function serverVersion(side: SideView): Promise<Finding[]> {
  const major = Math.floor(side.version / 10_000)
  if (major >= OLDEST_MAJOR && major <= NEWEST) return []
  return [
    finding(
      'server-version',
      major < OLDEST_MAJOR ? 'error' : 'warning',
      `${side.name} server`,
      `PostgreSQL ${major}; supported are ${OLDEST_MAJOR} to ${NEWEST}.`,
      major < OLDEST_MAJOR
        ? `Upgrade the server to PostgreSQL ${OLDEST_MAJOR} or newer (pg_upgrade).`
        : 'Try the whole extraction on a copy of both databases first.',
    ),
  ]
}

async function isPrimary(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby')
  if (!rows[0]!.standby) return []
  return [
    finding(
      'server-is-standby',
      'error',
      `${side.name} server`,
      'The URL leads to a standby: it can neither hold guards nor take writes.',
      `Give the primary's URL in the plan, or append ?target_session_attrs=read-write.`,
    ),
  ]
}

async function walLevel(side: SideView): Promise<Finding[]> {
  const level = await setting(side, 'wal_level')
  if (level === 'logical') return []
  const back = side.name === 'target' ? ' (the way back to the monolith is a stream too)' : ''
  return [
    finding(
      'wal-level',
      'error',
      `${side.name} server`,
      `wal_level is "${level}"; a change stream needs "logical"${back}.`,
      `ALTER SYSTEM SET wal_level = 'logical'; then restart the server.`,
    ),
  ]
}

async function freeSlots(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ most: number; used: number }>(
    `SELECT current_setting('max_replication_slots')::int AS most,
            (SELECT count(*)::int FROM pg_replication_slots) AS used`,
  )
  return tooFew(side, 'replication-slots', 'max_replication_slots', 'replication slots', rows[0]!)
}

async function freeSenders(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ most: number; used: number }>(
    `SELECT current_setting('max_wal_senders')::int AS most,
            (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'walsender') AS used`,
  )
  return tooFew(side, 'wal-senders', 'max_wal_senders', 'WAL senders', rows[0]!)
}

async function freeOrigins(side: SideView): Promise<Finding[]> {
  // Before 18 the number of slots bounds the origins as well.
  const name = side.version >= 180_000 ? 'max_active_replication_origins' : 'max_replication_slots'
  const rows = await side.rows<{ most: number; used: number }>(
    `SELECT current_setting($1)::int AS most, (SELECT count(*)::int FROM pg_replication_origin) AS used`,
    [name],
  )
  return tooFew(side, 'replication-origins', name, 'replication origins', rows[0]!)
}

function tooFew(
  side: SideView,
  check: string,
  name: string,
  what: string,
  { most, used }: { most: number; used: number },
): Finding[] {
  if (side.started || most - used >= 1) return []
  return [
    finding(
      check,
      'error',
      `${side.name} server`,
      `All ${most} ${what} are in use (${name} = ${most}); an extraction takes one on each side.`,
      `ALTER SYSTEM SET ${name} = ${used + 4}; then restart the server.`,
    ),
  ]
}

async function slotKeepSize(side: SideView): Promise<Finding[]> {
  const megabytes = Number(await setting(side, 'max_slot_wal_keep_size'))
  const ENOUGH_MB = 1024
  if (megabytes >= ENOUGH_MB) return []
  if (megabytes < 0) {
    return [
      finding(
        'slot-keep-size',
        'note',
        `${side.name} server`,
        'max_slot_wal_keep_size is unlimited: while no engine runs, WAL piles up until the disk is full.',
        `ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf(); (a part of the free disk)`,
      ),
    ]
  }
  return [
    finding(
      'slot-keep-size',
      'warning',
      `${side.name} server`,
      `max_slot_wal_keep_size is ${megabytes} MB: a short pause of the engine under load invalidates the slot, and all is copied again.`,
      `ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf(); (a part of the free disk)`,
    ),
  ]
}

/** From 18 on a server can drop a slot because nobody read it for a while. */
async function idleSlotTimeout(side: SideView): Promise<Finding[]> {
  const seconds = Number(await setting(side, 'idle_replication_slot_timeout'))
  if (seconds === 0) return []
  return [
    finding(
      'idle-slot-timeout',
      'warning',
      `${side.name} server`,
      `idle_replication_slot_timeout is ${seconds} s: an engine that is away for longer finds its slot invalidated, and all is copied again.`,
      `ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();`,
    ),
  ]
}

/** Limits that the engine's sessions cannot lift for themselves when they connect, since older servers do not know them. */
async function sessionTimeouts(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ name: string; now: string }>(
    `SELECT name, current_setting(name) AS now FROM pg_settings
      WHERE name IN ('transaction_timeout', 'idle_session_timeout') AND setting <> '0' ORDER BY name`,
  )
  return rows.map(({ name, now }) =>
    finding(
      'session-timeouts',
      'warning',
      `${side.name} role ${side.role}`,
      name === 'transaction_timeout'
        ? `${name} is ${now} for the role: a change stream that has to write a longer transaction never gets past it.`
        : `${name} is ${now} for the role: the engine's idle sessions are ended again and again.`,
      `ALTER ROLE "${side.role}" SET ${name} = 0; (for new sessions)`,
    ),
  )
}

async function senderTimeout(side: SideView): Promise<Finding[]> {
  const ms = Number(await setting(side, 'wal_sender_timeout'))
  if (ms > 0 && ms <= RECOVERY_MS) return []
  const now = ms === 0 ? 'off' : `${ms / 1000} s`
  return [
    finding(
      'wal-sender-timeout',
      'warning',
      `${side.name} server`,
      `wal_sender_timeout is ${now}: after a lost connection the slot stays taken for longer than the ${RECOVERY_MS / 1000} s within which another engine must go on.`,
      `ALTER SYSTEM SET wal_sender_timeout = '10s'; SELECT pg_reload_conf();`,
    ),
  ]
}

async function idleTransactionTimeout(side: SideView): Promise<Finding[]> {
  if (Number(await setting(side, 'idle_in_transaction_session_timeout')) > 0) return []
  return [
    finding(
      'idle-transaction-timeout',
      'warning',
      `${side.name} database ${side.database}`,
      'idle_in_transaction_session_timeout is off: one forgotten transaction that wrote a moved row makes every handover attempt abort, and holds WAL and vacuum back.',
      `ALTER DATABASE "${side.database}" SET idle_in_transaction_session_timeout = '30s'; (for new sessions)`,
    ),
  ]
}

async function asynchronousStandby(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ name: string }>(
    `SELECT r.application_name AS name
       FROM pg_stat_replication r
      WHERE r.sync_state = 'async'
        AND NOT EXISTS (SELECT FROM pg_replication_slots s
                         WHERE s.active_pid = r.pid AND s.slot_type = 'logical')`,
  )
  if (rows.length === 0) return []
  const names = rows.map((row) => row.name)
  return [
    finding(
      'asynchronous-standby',
      'warning',
      `${side.name} server`,
      `Standby ${names.join(', ')} is not synchronous: a failover to a copy that lacks a handover's close would make two writers. On a new timeline both sides close and say so.`,
      `ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (${names.map((n) => `"${n}"`).join(', ')})'; SELECT pg_reload_conf();`,
    ),
  ]
}

async function asynchronousCommit(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ name: string; setting: string }>(
    `SELECT name, setting FROM pg_settings
      WHERE name IN ('synchronous_commit', 'fsync') AND setting = 'off' ORDER BY name`,
  )
  return rows.map(({ name }) =>
    finding(
      'asynchronous-commit',
      'warning',
      `${side.name} server`,
      `${name} is off: the server itself may lose acknowledged writes in a crash, with or without an extraction.`,
      `ALTER SYSTEM SET ${name} = 'on'; SELECT pg_reload_conf();`,
    ),
  )
}

/** Source, target and control must be three databases. */
export async function databasesDiffer({ source, target }: Scene): Promise<Finding[]> {
  const [a, b] = await Promise.all([source, target].map(databaseIdentity))
  if (a !== b) return []
  return [
    finding(
      'same-database',
      'error',
      `source and target database ${source.database}`,
      'Both URLs lead to the same database; each side needs an ownership table of its own.',
      `CREATE DATABASE "${source.database}_service"; and give its URL as service.databaseUrl.`,
    ),
  ]
}

/** The start time tells a server from a copy of its files, which has the same identifier. */
export const IDENTITY = `
  SELECT concat_ws('/', system_identifier, pg_postmaster_start_time(),
                   (SELECT oid FROM pg_database WHERE datname = current_database())) AS id
    FROM pg_control_system()`

export async function databaseIdentity(side: Pick<SideView, 'rows'>): Promise<string> {
  const rows = await side.rows<{ id: string }>(IDENTITY)
  return rows[0]!.id
}
