import { BanyanError } from '@banyan/contracts'
import { createPool } from '@banyan/postgres'
import { dropTables } from './archive/drop.ts'
import type { ExtractionDependencies } from './dependencies.ts'
import { movedTables } from './plan.ts'
import { isAnswer, isPassing } from './sides.ts'
import type { ExtractionRow } from './store.ts'

/**
 * Drops the source's tables of a completed extraction, as an operator has decided. What stands against it is told in
 * the status and the ledger; nothing is dropped then. Safe to run again from any point.
 */
export async function dropOldTables(
  d: ExtractionDependencies,
  row: ExtractionRow,
  signal: AbortSignal,
): Promise<void> {
  const { plan, plans, monolith, store, ledger, term } = d
  const { seal, despiteFunctions = false } = row.oldTables
  const name = `banyan/drop/${plan.name}`.slice(0, 63)
  const pool = createPool(monolith.databaseUrl, { name, max: 2 })
  const end = async (result: Pick<ExtractionRow['oldTables'], 'dropped' | 'refused'>) => {
    const what = result.dropped ? 'dropped' : 'drop refused'
    const change = { wanted: [], oldTables: { ...row.oldTables, ...result } }
    const detail = { ...(result.dropped ?? result.refused), archive: seal?.sha256 }
    await store.change(row, term, change, [{ kind: 'fact', what, detail }])
  }
  // A comparison of large tables takes its time: an engine that is to end does not wait for it.
  const cancel = () => {
    const sql = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                  WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()`
    pool.query(sql, [name]).catch(() => {})
  }
  signal.addEventListener('abort', cancel)
  try {
    const phases = new Map((await store.readAll()).map((one) => [one.name, one.phase]))
    const neighbours = plans.map((one) => ({
      plan: movedTables(one),
      phase: phases.get(one.name) ?? ('planned' as const),
    }))
    const detail = { tables: seal!.tables.map(({ table }) => table), archive: seal!.sha256 }
    await ledger.append(plan.name, term, [{ kind: 'intent', what: 'drop', detail }])
    const sql = await dropTables({
      pool,
      plan: movedTables(plan),
      neighbours,
      seal: seal!,
      despiteFunctions,
    })
    await end({ dropped: { at: new Date().toISOString(), sql }, refused: null })
  } catch (error) {
    const refused = error instanceof BanyanError && error.code === 'DROP_REFUSED'
    if (signal.aborted || !(refused || (isAnswer(error) && !isPassing(error)))) throw error
    const why = refused ? String(error.values.reason) : (error as Error).message
    await end({ dropped: null, refused: { at: new Date().toISOString(), why } })
  } finally {
    signal.removeEventListener('abort', cancel)
    await pool.end()
  }
}
