import { sqlState } from '@banyan/postgres'
import type pg from 'pg'
import { quoteIdent } from './catalog.ts'
import { copyIn } from './copy-wire.ts'
import type { Flow } from './flow.ts'
import { upsertAny } from './part-statements.ts'
import type { PendingChunk } from './pending-chunk.ts'
import type { OpenBuckets } from './table-writer.ts'

/** Writes a chunk's rows, inside the applier's transaction. */
export async function mergeChunk(
  client: pg.ClientBase,
  chunk: PendingChunk,
  open: OpenBuckets,
): Promise<{ rows: number; refused: number }> {
  const { flow } = chunk
  if (!open.none) {
    const { lines, refused } = chunk.filter((row) => !open.holds(flow, row))
    await throughStage(client, flow, lines, open)
    return { rows: lines.length, refused }
  }
  const lines = chunk.lines()
  const rows = chunk.touched ? lines.length : chunk.rowCount
  if (rows === 0) return { rows: 0, refused: 0 }
  if (flow.plain && (await straight(client, flow, lines))) return { rows, refused: 0 }
  await throughStage(client, flow, lines, open)
  return { rows, refused: 0 }
}

/** COPY into the table itself; false when a row was there already (the stream was ahead of the copy). */
async function straight(
  client: pg.ClientBase,
  flow: Flow,
  lines: readonly Buffer[],
): Promise<boolean> {
  const byColumn = flow.columns.map((_, i) => flow.exprs.find((expr) => expr.from[0] === i)?.column)
  // A column that travels but fills none, or fills two, has no place in a COPY.
  if (byColumn.includes(undefined) || flow.exprs.length !== flow.columns.length) return false
  await client.query('SAVEPOINT chunk')
  try {
    const columns = byColumn.map((name) => quoteIdent(name!)).join(', ')
    await copyIn(client, `COPY ${flow.to.quoted} (${columns}) FROM STDIN`, lines)
    return true
  } catch (error) {
    if (!['23505', '23P01'].includes(sqlState(error) ?? '')) throw error
    await client.query('ROLLBACK TO SAVEPOINT chunk')
    return false
  }
}

async function throughStage(
  client: pg.ClientBase,
  flow: Flow,
  lines: readonly Buffer[],
  open: OpenBuckets,
): Promise<void> {
  if (lines.length === 0) return
  const columns = flow.columns.map((_, i) => `c${i}`)
  const stage = `pg_temp.banyan_stage_${columns.length}`
  await client.query(
    `CREATE TEMPORARY TABLE IF NOT EXISTS banyan_stage_${columns.length}
       (${columns.map((name) => `${name} text`).join(', ')}) ON COMMIT DELETE ROWS`,
  )
  await copyIn(client, `COPY ${stage} (${columns.join(', ')}) FROM STDIN`, lines)
  const statement = upsertAny(flow, !open.none, `${stage} AS u`)
  const guarded = statement.text.includes('banyan.bucket')
  await client.query(statement.text, guarded ? [open.list] : [])
}
