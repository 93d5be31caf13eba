import { setTimeout as delay } from 'node:timers/promises'
import { BanyanError } from '@banyan/contracts'
import { type Queryable, sqlState } from '@banyan/postgres'
import { quoteIdent } from './catalog.ts'
import type { TableSide } from './mapping.ts'
import { endSession, endSlotReader } from './sessions.ts'
import { type StreamName, streamObjectName } from './side.ts'

/** What one stream keeps in the two databases. */
export interface StreamObjects {
  readonly extraction: string
  readonly stream: StreamName
  readonly token: bigint
  readonly from: Queryable
  readonly to: Queryable
}

/** Creates what is missing of publication, slot, origin and progress; see `Link.prepare`. */
export async function createObjects(
  objects: StreamObjects,
  tables: readonly TableSide[],
): Promise<void> {
  const { extraction, stream, from, to, token } = objects
  const name = streamObjectName(extraction, stream)
  await requireToken(to, extraction, token)
  const progress = await to.query(
    'SELECT 1 FROM banyan.progress WHERE extraction = $1 AND stream = $2',
    [extraction, stream],
  )
  await to.query(
    `SELECT pg_replication_origin_create($1)
      WHERE NOT EXISTS (SELECT FROM pg_replication_origin WHERE roname = $1)`,
    [name],
  )
  const started = progress.rowCount === 1
  for (const table of tables) await identify(objects, table)
  await publish(from, name, tables, started)
  // With progress stored the slot must be the one it belongs to: `start` checks that, nothing is made anew.
  if (started) return
  await dropSlot(objects)
  const { rows } = await from.query<{ lsn: string }>(
    "SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')",
    [name],
  )
  await to.query(
    `INSERT INTO banyan.progress (extraction, stream, position, token)
     SELECT $1, $2, $3, token FROM banyan.token WHERE extraction = $1 AND token = $4`,
    [extraction, stream, rows[0]!.lsn, token.toString()],
  )
}

async function requireToken(to: Queryable, extraction: string, token: bigint): Promise<void> {
  const { rows } = await to.query<{ token: string }>(
    'SELECT token FROM banyan.token WHERE extraction = $1',
    [extraction],
  )
  const highest = rows[0]?.token
  if (highest === token.toString()) return
  throw new BanyanError('STALE_TOKEN', { held: token.toString(), highest })
}

/** Without a replica identity the application's own UPDATE fails the moment its table is published. */
async function identify({ extraction, from }: StreamObjects, table: TableSide): Promise<void> {
  if (table.identityIndex === null) return
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      await from.query('SELECT banyan.identify($1, $2::oid, $3)', [
        extraction,
        table.oid,
        table.identityIndex,
      ])
      return
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE || Date.now() > deadline) throw error
      await delay(100)
    }
  }
}

/** The publication comes before the slot, and is never altered: changes in flight would be lost. */
async function publish(
  from: Queryable,
  name: string,
  tables: readonly TableSide[],
  started: boolean,
): Promise<void> {
  const { rows } = await from.query<{ oid: number }>(
    `SELECT r.prrelid AS oid FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid
      WHERE p.pubname = $1`,
    [name],
  )
  const published = rows.map((row) => row.oid).sort()
  // A table that several entries of the plan read is published once.
  const once = [...new Map(tables.map((table) => [table.oid, table])).values()]
  const wanted = once.map((table) => table.oid).sort()
  if (rows.length > 0 && String(published) === String(wanted)) return
  if (started) {
    throw new BanyanError('BAD_PLAN', {
      where: `publication ${name}`,
      reason:
        'it no longer holds exactly the tables of the plan; drop the stream and copy again to change them',
    })
  }
  if (rows.length > 0) await from.query(`DROP PUBLICATION ${quoteIdent(name)}`)
  await from.query(
    `CREATE PUBLICATION ${quoteIdent(name)} FOR TABLE ${once.map((table) => table.quoted).join(', ')}
       WITH (publish_via_partition_root = true)`,
  )
}

/** Takes away what reads a stream: its slot, whoever uses it, and its publication. */
export async function dropReading(
  objects: Pick<StreamObjects, 'extraction' | 'stream' | 'from' | 'token'>,
): Promise<void> {
  await dropSlot(objects)
  const name = quoteIdent(streamObjectName(objects.extraction, objects.stream))
  await objects.from.query(`DROP PUBLICATION IF EXISTS ${name}`)
}

/** Takes everything of a stream out of both databases, whatever is there of it. */
export async function dropObjects(objects: StreamObjects): Promise<void> {
  const { extraction, stream, to } = objects
  const { rows } = await to.query<{ there: boolean }>(
    "SELECT to_regclass('banyan.token') IS NOT NULL AS there",
  )
  const installed = rows[0]!.there
  // An engine that was taken over must not take the younger one's stream away.
  if (installed) await requireToken(to, extraction, objects.token)
  await dropReading(objects)
  await dropWriting(objects)
  if (!installed) return
  await to.query('DELETE FROM banyan.progress WHERE extraction = $1 AND stream = $2', [
    extraction,
    stream,
  ])
  await to.query('DELETE FROM banyan.barrier WHERE extraction = $1 AND stream = $2', [
    extraction,
    stream,
  ])
  if (stream === 'forward') {
    await to.query('DELETE FROM banyan.copy WHERE extraction = $1', [extraction])
  }
}

const LOCK_NOT_AVAILABLE = '55P03'
/** In use: somebody reads it, or holds it, and has to be ended first. */
const IN_USE = '55006'

async function dropSlot({
  extraction,
  stream,
  from,
  token,
}: Pick<StreamObjects, 'extraction' | 'stream' | 'from' | 'token'>): Promise<void> {
  const name = streamObjectName(extraction, stream)
  await untilFree(
    () =>
      from.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
        [name],
      ),
    () => endSlotReader(from, name, token),
  )
}

/** Takes away the origin under which a stream writes, whoever holds it. */
export async function dropWriting({
  extraction,
  stream,
  to,
  token,
}: Pick<StreamObjects, 'extraction' | 'stream' | 'to' | 'token'>): Promise<void> {
  const name = streamObjectName(extraction, stream)
  await untilFree(
    () =>
      to.query(
        'SELECT pg_replication_origin_drop(roname) FROM pg_replication_origin WHERE roname = $1',
        [name],
      ),
    async (error) => {
      const pid = / PID (\d+)/.exec(error.message)?.[1]
      if (pid) await endSession(to, Number(pid), token)
    },
  )
}

async function untilFree(
  drop: () => Promise<unknown>,
  free: (error: Error) => Promise<void>,
): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    try {
      await drop()
      return
    } catch (error) {
      if (sqlState(error) !== IN_USE || Date.now() > deadline) throw error
      await free(error as Error)
      await delay(20)
    }
  }
}
