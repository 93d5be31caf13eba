import { setTimeout as delay } from 'node:timers/promises'
import type { Pool, PoolClient } from '@banyan/postgres'
import { literal, quoteIdent } from './catalog.ts'
import { parseKeyFields } from './copy-text.ts'
import type { CopyWatch, Watched } from './copy-watch.ts'
import { copyOut } from './copy-wire.ts'
import { MESSAGES } from './feed.ts'
import { columnOf, type Flow } from './flow.ts'
import { compareKeys } from './operators.ts'
import type { Throttle } from './throttle.ts'
import { Visibility } from './visibility.ts'

/** Chunks read ahead of the one being merged: the source must not wait for the target's commit. */
const READ_AHEAD = 3
/** A chunk is held in memory until its watermark comes by. */
const CHUNK_BYTES = 8 * 1024 * 1024
const FIRST_CHUNK_ROWS = 1_000

export interface TableCopy {
  readonly extraction: string
  readonly flow: Flow
  readonly from: Pool
  readonly watch: CopyWatch
  readonly chunkRows: number
  readonly lastKey: readonly string[] | null
  readonly signal: AbortSignal | undefined
  readonly throttle: Throttle
  onMerged(rows: number): void
  onRetaken(): void
}

/** Copies one table from behind `lastKey` to its end, chunk by chunk; resolves when all are merged. */
export async function copyTable(copy: TableCopy): Promise<void> {
  const client = await copy.from.connect()
  const waiting: Promise<void>[] = []
  let broken: Error | undefined
  try {
    // A watermark need not wait for a standby; it only has to be in the log.
    await client.query('SET synchronous_commit = local')
    let lastKey = copy.lastKey
    let limit = Math.min(FIRST_CHUNK_ROWS, copy.chunkRows)
    for (;;) {
      copy.signal?.throwIfAborted()
      await copy.throttle.ready(copy.signal)
      const asked = copy.throttle.chunk(limit)
      const read = await readChunk(client, copy, lastKey, asked)
      copy.throttle.passed(read.rows)
      if (read.rows > 0) {
        lastKey = read.watched.chunk.lastKey
        const merged = read.watched.merged.then((rows) => copy.onMerged(rows))
        merged.catch(() => {})
        waiting.push(merged)
      }
      if (read.rows < asked) break
      limit = Math.max(100, Math.min(copy.chunkRows, Math.floor(CHUNK_BYTES / read.rowBytes)))
      if (waiting.length >= READ_AHEAD) await waiting.shift()
    }
    await Promise.all(waiting)
  } catch (error) {
    broken = error as Error
    throw error
  } finally {
    client.release(broken ?? true)
  }
}

interface ReadChunk {
  readonly watched: Watched
  readonly rows: number
  readonly rowBytes: number
}

async function readChunk(
  client: PoolClient,
  copy: TableCopy,
  lastKey: readonly string[] | null,
  limit: number,
): Promise<ReadChunk> {
  for (;;) {
    const watched = copy.watch.open(copy.flow)
    const { chunk } = watched
    try {
      const snapshot = await beginSnapshot(client)
      const out = await copyOut(client, chunkQuery(copy.flow, lastKey, limit))
      const unseen = copy.watch.unseen(watched, snapshot)
      if (unseen.length === 0) {
        if (out.rows === 0) copy.watch.discard(chunk)
        else chunk.fill(out.blocks, out.rows, parseKeyFields(out.last, copy.flow.keyWidth))
        chunk.judge(snapshot)
        copy.watch.prune(snapshot)
        const message = JSON.stringify({ extraction: copy.extraction, chunk: chunk.id })
        // High watermark: everything the snapshot saw stands before it in the log.
        await client.query(
          out.rows === 0
            ? 'COMMIT'
            : `COMMIT; SELECT pg_logical_emit_message(true, '${MESSAGES.chunk}', ${literal(message)})`,
        )
        return { watched, rows: out.rows, rowBytes: out.bytes / Math.max(1, out.rows) }
      }
      copy.watch.discard(chunk)
      copy.onRetaken()
      await client.query('COMMIT')
      await allVisible(client, unseen, copy.signal)
    } catch (error) {
      copy.watch.discard(chunk)
      throw error
    }
  }
}

async function beginSnapshot(client: PoolClient): Promise<Visibility> {
  const results = (await client.query(
    'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_current_snapshot()::text AS snapshot',
  )) as unknown as { rows: { snapshot: string }[] }[]
  return new Visibility(results[1]!.rows[0]!.snapshot)
}

async function allVisible(
  client: PoolClient,
  xids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (;;) {
    signal?.throwIfAborted()
    const { rows } = await client.query<{ snapshot: string }>(
      'SELECT pg_current_snapshot()::text AS snapshot',
    )
    const now = new Visibility(rows[0]!.snapshot)
    if (xids.every((xid) => now.sees(xid))) return
    await delay(20)
  }
}

/** Rows of `from` behind a key, in key order. */
function chunkQuery(flow: Flow, lastKey: readonly string[] | null, limit: number): string {
  const columns = flow.columns.map(quoteIdent).join(', ')
  const keys = flow.from.key.map(quoteIdent)
  const key = keys.join(', ')
  const keyColumns = flow.from.key.map((name) => columnOf(flow.from, name))
  const after = lastKey
    ? `WHERE ${compareKeys(keyColumns, keys, '>', keyLiterals(flow, lastKey))}`
    : ''
  return `COPY (SELECT ${columns} FROM ${flow.from.quoted} ${after} ORDER BY ${key} LIMIT ${limit}) TO STDOUT`
}

function keyLiterals(flow: Flow, key: readonly string[]): string[] {
  return key.map(
    (value, i) => `${literal(value)}::${columnOf(flow.from, flow.columns[i]!).baseType}`,
  )
}

/**
 * Waits until no transaction can have been applied by an earlier link and still be invisible: such a
 * one stands in the log before the position this link began at, so this link never decodes it.
 */
export async function settleEarlier(
  from: Pool,
  watch: CopyWatch,
  signal: AbortSignal | undefined,
): Promise<void> {
  // A snapshot names those that run among the ids before the last one that ended: this ends a later one.
  await from.query("SELECT set_config('synchronous_commit', 'local', true), pg_current_xact_id()")
  const { rows } = await from.query<{ snapshot: string }>(
    'SELECT pg_current_snapshot()::text AS snapshot',
  )
  const first = new Visibility(rows[0]!.snapshot)
  let suspects = [...first.running]
  while (suspects.length > 0) {
    signal?.throwIfAborted()
    const now = await from.query<{ snapshot: string; open: string[] | null }>(
      // A session that waits for its client has not begun to commit; neither has a prepared transaction.
      `SELECT pg_current_snapshot()::text AS snapshot,
              ARRAY(SELECT backend_xid::text FROM pg_stat_activity
                     WHERE backend_xid IS NOT NULL AND state LIKE 'idle in transaction%'
                    UNION ALL SELECT transaction::text FROM pg_prepared_xacts) AS open`,
    )
    const snapshot = new Visibility(now.rows[0]!.snapshot)
    const open = new Set(now.rows[0]!.open ?? [])
    suspects = suspects.filter((xid) => {
      const short = Number(xid & 0xffffffffn)
      return !snapshot.seesFull(xid) && !open.has(String(short)) && !watch.hasDecoded(short)
    })
    if (suspects.length > 0) await delay(20)
  }
}
