import { type Finding, finding } from './finding.ts'
import type { SideView } from './scene.ts'

/** What is going on in the databases at this moment that a start would trip over. */
export const activityChecks = [longTransactions, preparedTransactions]

/** A handover waits for writers about this long before it gives the attempt up, s. */
const LONG_S = 5
/** Between two statements every transaction is idle for a moment, s. */
const IDLE_S = 1

async function longTransactions(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{
    pid: number
    user: string | null
    state: string
    seconds: number
    query: string
  }>(
    `SELECT pid, usename::text AS user, state, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds,
            left(regexp_replace(query, '\\s+', ' ', 'g'), 60) AS query
       FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        AND application_name NOT LIKE 'banyan/%'
        AND (state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - make_interval(secs => $2)
             OR xact_start < clock_timestamp() - make_interval(secs => $1))
      ORDER BY xact_start LIMIT 20`,
    [LONG_S, IDLE_S],
  )
  return rows.map((row) =>
    finding(
      row.state.startsWith('idle') ? 'idle-in-transaction' : 'long-transaction',
      'warning',
      `${side.name} session ${row.pid} (${row.user ?? 'unknown'})`,
      `Its transaction is open for ${Math.round(row.seconds)} s (${row.state}; last statement: ${row.query}): the slot cannot be made before it ends, and a handover waits for it.`,
      `SELECT pg_terminate_backend(${row.pid}); and find out why it stays open.`,
    ),
  )
}

async function preparedTransactions(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ gid: string; seconds: number }>(
    `SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8 AS seconds
       FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared LIMIT 20`,
  )
  return rows.map(({ gid, seconds }) =>
    finding(
      'prepared-transaction',
      'warning',
      `${side.name} prepared transaction '${gid}'`,
      `Prepared ${Math.round(seconds)} s ago and neither committed nor rolled back: it holds its locks, and no handover can pass it.`,
      `COMMIT PREPARED '${gid}'; or ROLLBACK PREPARED '${gid}';`,
    ),
  )
}
