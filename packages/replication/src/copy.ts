import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from '@banyan/postgres'
import { copyTable, settleEarlier } from './copier.ts'
import { CopyClock } from './copy-clock.ts'
import type { CopyWatch } from './copy-watch.ts'
import { mayPass } from './failures.ts'
import type { Flow } from './flow.ts'
import { Throttle } from './throttle.ts'
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
  const sizes = new Map<Flow, TableSize>()
  for (const flow of flows) {
    progress.set(flow, await readProgress(copy, flow))
    sizes.set(flow, await measure(copy.from, flow))
    if (!progress.get(flow)!.done) copy.copying.add(flow)
  }
  const before = sum([...progress.values()].map((table) => table.rows))
  const workBefore = workDone()
  const throttle = new Throttle(options.limit ?? (() => Number.POSITIVE_INFINITY))
  const clock = new CopyClock()
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
        table.done ? table.rows : Math.max(table.rows, sizes.get(other)!.rows),
      ),
    )
    const seconds = (Date.now() - began) / 1000
    const rowsPerSecond = seconds > 0 ? (totalRows - before) / seconds : 0
    return {
      table: flow.name,
      rows: progress.get(flow)!.rows,
      estimatedRows: Math.max(progress.get(flow)!.rows, sizes.get(flow)!.rows),
      tablesDone: tables.filter(([, table]) => table.done).length,
      tables: tables.length,
      totalRows,
      totalEstimatedRows,
      rowsPerSecond,
      etaMs: timeLeft(totalEstimatedRows - totalRows),
    }
  }

  function timeLeft(rows: number): number | null {
    const done = sum([...progress.values()].map((table) => table.rows)) - before
    const { debt } = throttle
    clock.tick(done - debt, workDone() - workBefore, throttle.waitedMs)
    const work = sum(
      [...progress].map(([flow, table]) => {
        const { rows: all, rowWork } = sizes.get(flow)!
        return table.done ? 0 : Math.max(0, all - table.rows) * rowWork
      }),
    )
    return clock.left(rows + debt, work)
  }

  function workDone(): number {
    return sum([...progress].map(([flow, table]) => table.rows * sizes.get(flow)!.rowWork))
  }
}

/** Tries again after a lost connection: what was merged is stored, and the copy goes on from there. */
async function retrying(copy: CopyAll, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    copy.options.signal?.throwIfAborted()
    if (!mayPass(error) || error instanceof RangeError || error instanceof TypeError) throw error
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

interface TableSize {
  readonly rows: number
  /** What a row costs to copy: its bytes, and as much again as a short row. */
  readonly rowWork: number
}

/** Pages looked at of a table: an error of some 2 %, without the statistics that may be missing or old. */
const SAMPLE_PAGES = 2_000
/** What a row costs whatever its width, in bytes of one. */
const ROW_WORK = 100

async function measure(from: Pool, flow: Flow): Promise<TableSize> {
  const { rows } = await from.query<{ pages: number; bytes: number }>(
    `SELECT coalesce(sum(pg_relation_size(t.oid)), 0)::float8 / current_setting('block_size')::int AS pages,
            coalesce(sum(pg_table_size(t.oid)), 0)::float8 AS bytes
       FROM (SELECT $1::oid AS oid UNION SELECT relid FROM pg_partition_tree($1::oid)) t`,
    [flow.from.oid],
  )
  const { pages, bytes } = rows[0]!
  const share = Math.min(1, SAMPLE_PAGES / Math.max(1, pages))
  const sample = await from.query<{ n: number }>(
    `SELECT count(*)::float8 AS n FROM ${flow.from.quoted} TABLESAMPLE SYSTEM (${100 * share})`,
  )
  const estimated = Math.round(sample.rows[0]!.n / share)
  return { rows: estimated, rowWork: ROW_WORK + bytes / Math.max(1, estimated) }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
