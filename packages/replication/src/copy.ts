import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from '@banyan/postgres'
import { copyTable, settleEarlier } from './copier.ts'
import type { CopyWatch } from './copy-watch.ts'
import { Interrupted, sqlState } from './failures.ts'
import type { Flow } from './flow.ts'
import type { CopyOptions, CopyReport } from './types.ts'

const CHUNK_ROWS = 20_000

export interface CopyAll {
  readonly extraction: string
  readonly token: bigint
  readonly flows: readonly Flow[]
  readonly from: Pool
  readonly to: Pool
  readonly watch: CopyWatch
  /** Kept up to date: the tables whose copy is not done. */
  readonly copying: Set<Flow>
  readonly options: CopyOptions
  /** Resolves once the stream runs; throws when it will not. */
  streaming(): Promise<void>
}

interface TableProgress {
  lastKey: string[] | null
  rows: number
  done: boolean
}

/** Copies every table that is not done, one after the other. */
export async function copyAll(copy: CopyAll): Promise<CopyReport> {
  const { options, flows } = copy
  const began = Date.now()
  const chunkRows = options.chunkRows ?? CHUNK_ROWS
  if (!Number.isInteger(chunkRows) || chunkRows < 1) {
    throw new RangeError(`chunkRows is ${options.chunkRows}; a whole number from 1 is allowed`)
  }
  const report = { chunks: 0, retaken: 0 }
  const progress = new Map<Flow, TableProgress>()
  const estimates = new Map<Flow, number>()
  for (const flow of flows) {
    progress.set(flow, await readProgress(copy, flow))
    estimates.set(flow, await estimate(copy.from, flow))
    if (!progress.get(flow)!.done) copy.copying.add(flow)
  }
  const before = sum([...progress.values()].map((table) => table.rows))
  const throttle = makeThrottle(options)
  for (const flow of flows) {
    const table = progress.get(flow)!
    while (!table.done) {
      await copy.streaming()
      await retrying(copy, async () => {
        Object.assign(table, await readProgress(copy, flow))
        if (table.done) return
        await settleEarlier(copy.from, copy.watch, options.signal)
        await copyTable({
          extraction: copy.extraction,
          flow,
          from: copy.from,
          watch: copy.watch,
          chunkRows,
          lastKey: table.lastKey,
          signal: options.signal,
          throttle,
          onMerged(rows) {
            report.chunks++
            table.rows += rows
            options.onProgress?.(describe(flow))
          },
          onRetaken() {
            report.retaken++
          },
        })
        await markDone(copy, flow)
        table.done = true
      })
    }
    copy.copying.delete(flow)
    options.onProgress?.(describe(flow))
  }
  // From what is stored: a chunk whose commit a crash took back was merged twice.
  const rows = sum([...progress.values()].map((table) => table.rows)) - before
  return { ...report, rows, ms: Date.now() - began }

  function describe(flow: Flow) {
    const tables = [...progress.entries()]
    const totalRows = sum(tables.map(([, table]) => table.rows))
    const totalEstimatedRows = sum(
      tables.map(([other, table]) =>
        table.done ? table.rows : Math.max(table.rows, estimates.get(other)!),
      ),
    )
    const seconds = (Date.now() - began) / 1000
    const rowsPerSecond = seconds > 0 ? (totalRows - before) / seconds : 0
    return {
      table: flow.name,
      rows: progress.get(flow)!.rows,
      estimatedRows: Math.max(progress.get(flow)!.rows, estimates.get(flow)!),
      tablesDone: tables.filter(([, table]) => table.done).length,
      tables: tables.length,
      totalRows,
      totalEstimatedRows,
      rowsPerSecond,
      etaMs: rowsPerSecond > 0 ? ((totalEstimatedRows - totalRows) / rowsPerSecond) * 1000 : null,
    }
  }
}

/** Tries again after a lost connection: what was merged is stored, and the copy goes on from there. */
async function retrying(copy: CopyAll, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    copy.options.signal?.throwIfAborted()
    const state = sqlState(error)
    const passing =
      error instanceof Interrupted ||
      !state ||
      !/^[0-9A-Z]{5}$/.test(state) ||
      /^(08|57|40|53)/.test(state)
    if (!passing || error instanceof RangeError || error instanceof TypeError) throw error
    await delay(100)
  }
}

async function readProgress(copy: CopyAll, flow: Flow): Promise<TableProgress> {
  const key = [copy.extraction, flow.name]
  await copy.to.query(
    'INSERT INTO banyan.copy (extraction, relation) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    key,
  )
  const { rows } = await copy.to.query<{ last_key: string[] | null; rows: string; done: boolean }>(
    'SELECT last_key, rows, done FROM banyan.copy WHERE extraction = $1 AND relation = $2',
    key,
  )
  const row = rows[0]!
  return { lastKey: row.last_key, rows: Number(row.rows), done: row.done }
}

async function markDone(copy: CopyAll, flow: Flow): Promise<void> {
  const { rowCount } = await copy.to.query(
    `UPDATE banyan.copy SET done = true WHERE extraction = $1 AND relation = $2
        AND EXISTS (SELECT FROM banyan.token WHERE extraction = $1 AND token = $3)`,
    [copy.extraction, flow.name, copy.token.toString()],
  )
  if (rowCount !== 1) throw new Error(`the copy of ${flow.name} belongs to another engine now`)
}

/** The planner's: it scales what ANALYZE last saw to the table's size now. */
async function estimate(from: Pool, flow: Flow): Promise<number> {
  const { rows } = await from.query<{ 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] }>(
    `EXPLAIN (FORMAT JSON) SELECT FROM ${flow.from.quoted}`,
  )
  return rows[0]!['QUERY PLAN'][0]!.Plan['Plan Rows']
}

function makeThrottle(options: CopyOptions): (rows: number) => Promise<void> {
  const limit = options.rowsPerSecond
  if (limit === undefined) return async () => {}
  if (!(limit > 0)) throw new RangeError(`rowsPerSecond is ${limit}; more than 0 is allowed`)
  let free = Date.now()
  return async (rows) => {
    const wait = free - Date.now()
    if (wait > 0)
      await delay(wait, undefined, { ...(options.signal && { signal: options.signal }) })
    free = Math.max(free, Date.now()) + (rows / limit) * 1000
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
