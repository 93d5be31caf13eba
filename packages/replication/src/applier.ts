import { PINNED_SETTINGS, type Queryable, sqlState } from '@banyan/postgres'
import pg from 'pg'
import { literal } from './catalog.ts'
import { FatalProblem, Interrupted } from './failures.ts'
import type { Feed } from './feed.ts'
import { type Flow, mainFirst } from './flow.ts'
import { putElements, writeOut } from './fold-out.ts'
import { formatLsn, parseLsn } from './lsn.ts'
import { mergeChunk } from './merge.ts'
import { type NetRow, NetTable } from './net.ts'
import { clearParts, fillParts, writePart } from './part-writer.ts'
import type { PendingChunk } from './pending-chunk.ts'
import type { Change } from './pgoutput.ts'
import { readRows } from './read-row.ts'
import type { Repaired } from './repair.ts'
import { rewriteNet } from './rewrite.ts'
import { endSession } from './sessions.ts'
import { type StreamName, sessionName, streamObjectName } from './side.ts'
import type { Statement } from './statements.ts'
import { OpenBuckets, type Run, upsertRows, type Written, writeNet } from './table-writer.ts'
import { addTo, type Batch, type Nets, type Transaction } from './transaction.ts'

export interface ApplierOptions {
  readonly extraction: string
  readonly stream: StreamName
  readonly toUrl: string
  readonly token: bigint
  /** Pool on the side read, for rows that must be looked up there. */
  readonly from: Queryable
  /** Whether rows of this table may still be absent because the copy has not reached them. */
  copying(flow: Flow): boolean
  onRefused(table: string, rows: number): void
  onMissing(table: string, rows: number): void
}

export interface Applied {
  readonly rows: number
  readonly refused: number
  readonly mergedRows: number
  /** Whether all up to here survives a crash of the side written; else the next durable one makes it so. */
  readonly durable: boolean
}

/** Two rows contend for a unique value or an exclusion constraint. */
const CONTENDED = new Set(['23505', '23P01'])

/** A lock was not to be had within `lock_timeout`, or not without a deadlock. */
const LOCKED_OUT = new Set(['55P03', '40P01'])
/**
 * How long a lock is waited for, ms, at first and at most. A worker of the application on this side
 * may hold one of our rows and wait for another that we have just written: PostgreSQL takes a second
 * (`deadlock_timeout`) to see it, and ends whom it likes. Letting go early frees both at once.
 */
const LOCK_WAIT_MS = { first: 50, longest: 2_000 }

/** What comes behind the rows holds locks that nobody of the application wants. */
const PATIENT = 'SET LOCAL lock_timeout TO DEFAULT'

const raw = { getTypeParser: () => (value: string) => value }

/** Writes transactions of a stream to its side, each together with how far that is. */
export class Applier {
  readonly #options: ApplierOptions
  readonly #client: pg.Client
  readonly #names = new Map<string, string>()
  #position = 0n
  #secret = ''
  #rows = 0
  #refused = new Map<string, number>()
  #missing = new Map<string, number>()

  private constructor(options: ApplierOptions, client: pg.Client) {
    this.#options = options
    this.#client = client
  }

  /** Connects, takes the replication origin and reads the stored position. */
  static async connect(options: ApplierOptions): Promise<Applier> {
    const client = new pg.Client({
      connectionString: options.toUrl,
      application_name: sessionName(options.extraction, options.token, `apply-${options.stream}`),
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      options: PINNED_SETTINGS,
    })
    client.on('error', () => {})
    const applier = new Applier(options, client)
    try {
      await client.connect()
      await applier.#open()
    } catch (error) {
      await applier.close()
      throw error
    }
    return applier
  }

  /** Everything of the side read up to here is committed on the side written. */
  get position(): bigint {
    return this.#position
  }

  async #open(): Promise<void> {
    const { extraction, stream, token } = this.#options
    const origin = streamObjectName(extraction, stream)
    // Before the origin too: a younger engine holds it, and this one would wait for it for ever.
    await this.#readProgress()
    await this.#client.query("SET session_replication_role = 'replica'")
    await this.#client
      .query('SELECT pg_replication_origin_session_setup($1)', [origin])
      .catch(async (error: Error) => {
        // Our own last session may not have noticed yet that we left; an older engine's has no right to it.
        const pid = / for PID (\d+)/.exec(error.message)?.[1]
        if (pid) await endSession(this.#client, Number(pid), token)
        throw error
      })
    // Nobody else can move it now.
    await this.#readProgress()
  }

  async #readProgress(): Promise<void> {
    const { extraction, stream } = this.#options
    const { rows } = await this.#client.query<{ position: string; token: string; secret: string }>(
      `SELECT p.position, p.token, e.secret FROM banyan.progress p, banyan.engine e
        WHERE p.extraction = $1 AND p.stream = $2`,
      [extraction, stream],
    )
    const row = rows[0]
    if (!row) {
      throw new FatalProblem('slot-lost', `no progress is stored for ${stream} of "${extraction}"`)
    }
    this.#requireToken(row.token)
    this.#position = parseLsn(row.position)
    this.#secret = row.secret
  }

  #requireToken(stored: string): void {
    if (BigInt(stored) === this.#options.token) return
    throw new FatalProblem(
      'stale-token',
      `this engine holds token ${this.#options.token}, the stream's is ${stored}: another engine has taken over`,
    )
  }

  /** Applies complete transactions as one. */
  async apply({ transactions, nets, last }: Batch): Promise<Applied> {
    const writes = nets.size > 0 || last.chunk !== null
    const barriers = transactions.flatMap((transaction) => transaction.barriers)
    // A chunk's commit need not wait for the disk: if it is lost, so is the progress stored with it.
    const durable = last.chunk === null || barriers.length > 0
    const open = await this.#begin(last.end, writes, durable)
    await this.#write(nets, open, transactions)
    await this.#storeBarriers(barriers)
    const mergedRows = last.chunk ? await this.#merge(last.chunk, open) : 0
    return this.#commit(last.end!, mergedRows, durable)
  }

  /** Applies a transaction that is still being received, piece by piece, as one. */
  async applyLarge(transaction: Transaction, feed: Feed): Promise<Applied> {
    const open = await this.#begin(null, true)
    while (transaction.end === null || transaction.changes.length > 0) {
      const { changes, bytes } = await feed.more(transaction)
      const nets: Nets = new Map()
      addTo(nets, changes, transaction.xid)
      await this.#write(nets, open, [{ xid: transaction.xid, changes }])
      await this.#client.query('RELEASE SAVEPOINT batch; SAVEPOINT batch')
      feed.release(bytes)
    }
    await this.#storeBarriers(transaction.barriers)
    const mergedRows = transaction.chunk ? await this.#merge(transaction.chunk, open) : 0
    await this.#client.query(this.#advance(transaction.end))
    return this.#commit(transaction.end, mergedRows)
  }

  /** Makes one row what it is on the side read now, or takes it away; in a transaction of its own. */
  async repair(flow: Flow, key: readonly string[]): Promise<Repaired> {
    const open = await this.#begin(null, true)
    const wanted: NetRow = { base: null, baseKey: null, values: [...key], xid: 0, fresh: false }
    const [values] = await readRows(this.#options.from, flow, [wanted])
    const net = new NetTable(flow)
    if (values) net.rows.set('', { ...wanted, values })
    else net.gone.set('', [...key])
    const written = await this.#writeSome(net, open, false)
    if (flow.fold) await this.#account(flow, written, open)
    await this.#commit(this.#position, 0)
    if (written.refused > 0) return 'refused'
    return values ? 'written' : 'deleted'
  }

  /** @param end null: not known yet, the position stays for now, its row locked. */
  async #begin(end: bigint | null, writes: boolean, durable = true): Promise<OpenBuckets> {
    const { extraction } = this.#options
    this.#rows = 0
    const text = [
      'BEGIN',
      `SELECT set_config('banyan.exempt', ${literal(this.#secret)}, true)`,
      this.#advance(end ?? this.#position),
      ...(writes
        ? [
            `SELECT bucket FROM banyan.ownership WHERE extraction = ${literal(extraction)} AND state = 'open'`,
            ...(durable ? [] : ['SET LOCAL synchronous_commit = off']),
            `SET LOCAL lock_timeout = ${LOCK_WAIT_MS.first}`,
            'SAVEPOINT batch',
          ]
        : []),
    ].join('; ')
    const results = (await this.#client.query(text)) as unknown as pg.QueryResult<{
      bucket: number
    }>[]
    if (results[2]!.rowCount !== 1) await this.#explainLost()
    return new OpenBuckets(writes ? results[3]!.rows.map((row) => row.bucket) : [])
  }

  /** Compare-and-set: whoever is not the one that wrote the last position changes nothing. */
  #advance(to: bigint): string {
    const { extraction, stream, token } = this.#options
    return `UPDATE banyan.progress SET position = '${formatLsn(to)}'
      WHERE extraction = ${literal(extraction)} AND stream = '${stream}'
        AND position = '${formatLsn(this.#position)}' AND token = ${token}`
  }

  async #explainLost(): Promise<never> {
    const { extraction, stream } = this.#options
    const { rows } = await this.#client.query<{ position: string; token: string }>(
      'SELECT position, token FROM banyan.progress WHERE extraction = $1 AND stream = $2',
      [extraction, stream],
    )
    if (!rows[0]) throw new FatalProblem('slot-lost', `the progress of ${stream} is gone`)
    this.#requireToken(rows[0].token)
    throw new Interrupted(
      `the position is ${rows[0].position}, not ${formatLsn(this.#position)} as this link left it`,
    )
  }

  /** Writes a batch; whenever a lock is not to be had, lets go of all that it has locked and tries again. */
  async #write(
    nets: Nets,
    open: OpenBuckets,
    batch: readonly { xid: number; changes: readonly Change[] }[],
  ): Promise<void> {
    if (nets.size === 0) return
    nets = new Map(mainFirst([...nets], ([flow]) => flow))
    for (let waitMs = LOCK_WAIT_MS.first; ; ) {
      try {
        await this.#writeOrRewrite(nets, open, batch)
        return
      } catch (error) {
        await this.#rollback(error, LOCKED_OUT)
        waitMs = Math.min(2 * waitMs, LOCK_WAIT_MS.longest)
        await this.#client.query(`SET LOCAL lock_timeout = ${waitMs}`)
      }
    }
  }

  async #writeOrRewrite(
    nets: Nets,
    open: OpenBuckets,
    batch: readonly { xid: number; changes: readonly Change[] }[],
  ): Promise<void> {
    const ways: ((net: NetTable) => Promise<Written>)[] = [
      // While its copy runs, a row that is inserted may have been copied already.
      (net) =>
        writeNet(this.#run, net, open, this.#options.copying(net.flow) ? 'upsert' : 'insert'),
      (net) => writeNet(this.#run, net, open),
      (net) => rewriteNet(this.#run, net, open),
    ]
    let anew = false
    for (const way of ways) {
      try {
        for (const net of nets.values()) {
          if (net.flow.part?.kind !== 'in') continue
          await this.#account(net.flow, await clearParts(this.#run, net, open), open)
        }
        for (const net of nets.values()) {
          // Parts and elements are written in ways of their own, whatever is tried with the others.
          const { part, fold } = net.flow
          let written: Promise<Written>
          if (part?.kind === 'in') written = fillParts(this.#run, net, open)
          else written = part || fold ? this.#writeSome(net, open, anew) : way(net)
          await this.#account(net.flow, await written, open)
        }
        return
      } catch (error) {
        await this.#rollback(error, CONTENDED)
        anew = true
      }
    }
    // Last, as the source did it. A piece of a large transaction may have no other order that works.
    for (const { xid, changes } of batch) {
      for (const change of changes) {
        const net = new NetTable(change.flow)
        net.add(change, xid)
        await this.#account(change.flow, await this.#writeSome(net, open, true), open)
      }
    }
  }

  /** @param anew elements become rows that are all put in anew: they exchange unique values. */
  #writeSome(net: NetTable, open: OpenBuckets, anew: boolean): Promise<Written> {
    const { part, fold } = net.flow
    if (fold?.kind === 'out') return writeOut(this.#run, net, open, anew)
    return (part || fold ? writePart : writeNet)(this.#run, net, open)
  }

  /** Back to the begin of the batch, when the error is one that another try may not meet. */
  async #rollback(error: unknown, passing: ReadonlySet<string>): Promise<void> {
    if (!passing.has(sqlState(error) ?? '')) throw error
    this.#rows = 0
    this.#refused.clear()
    this.#missing.clear()
    await this.#client.query('ROLLBACK TO SAVEPOINT batch')
  }

  async #account(flow: Flow, written: Written, open: OpenBuckets): Promise<void> {
    this.#rows += written.rows
    count(this.#refused, flow.name, written.refused)
    const { missing } = written
    if (missing.length === 0) return
    const copying = this.#options.copying(flow)
    // A row the copy has not reached will be read later as a whole. One that moved may have moved
    // to where the copy has been already, and one after the copy should have been there.
    const whole = flow.part === null && flow.fold === null
    const needed = copying && whole ? missing.filter((row) => row.baseKey !== null) : missing
    if (needed.length === 0) return
    if (!copying && whole) count(this.#missing, flow.name, needed.length)
    const found = await readRows(this.#options.from, flow, needed)
    const rows: NetRow[] = found
      .filter((values) => !open.holds(flow, values))
      .map((values) => ({ base: null, baseKey: null, values, xid: 0, fresh: false }))
    if (flow.fold?.kind === 'out')
      await putElements(this.#run, flow, rows, open, { anew: true, last: true })
    else await upsertRows(this.#run, flow, rows, open, written)
  }

  #run: Run = async (statement: Statement, values) => {
    let name = this.#names.get(statement.text)
    if (name === undefined) {
      name = `s${this.#names.size}`
      this.#names.set(statement.text, name)
    }
    const result = await this.#client.query({
      name,
      text: statement.text,
      values: values as unknown[],
      types: raw,
    })
    return { rows: result.rows, count: result.rowCount ?? 0 }
  }

  async #storeBarriers(barriers: readonly string[]): Promise<void> {
    if (barriers.length === 0) return
    const { extraction, stream } = this.#options
    await this.#client.query(PATIENT)
    await this.#client.query(
      `INSERT INTO banyan.barrier (extraction, stream, barrier)
       SELECT $1, $2, b FROM unnest($3::text[]) b ON CONFLICT DO NOTHING`,
      [extraction, stream, barriers],
    )
  }

  async #merge(chunk: PendingChunk, open: OpenBuckets): Promise<number> {
    await this.#client.query(PATIENT)
    const { rows, refused } = await mergeChunk(this.#client, chunk, open)
    count(this.#refused, chunk.flow.name, refused)
    await this.#client.query(
      `UPDATE banyan.copy SET last_key = $3, rows = rows + $4 WHERE extraction = $1 AND relation = $2`,
      [this.#options.extraction, chunk.flow.name, chunk.lastKey, rows],
    )
    return rows
  }

  async #commit(end: bigint, mergedRows: number, durable = true): Promise<Applied> {
    await this.#client.query('COMMIT')
    this.#position = end
    let refused = 0
    for (const [table, rows] of this.#refused) {
      refused += rows
      this.#options.onRefused(table, rows)
    }
    for (const [table, rows] of this.#missing) this.#options.onMissing(table, rows)
    this.#refused.clear()
    this.#missing.clear()
    return { rows: this.#rows, refused, mergedRows, durable }
  }

  /** Ends the session; whatever was not committed is rolled back by the server. */
  async close(): Promise<void> {
    await Promise.race([
      this.#client.end().catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, 500).unref()),
    ])
    ;(
      this.#client as unknown as { connection: { stream: { destroy(): void } } }
    ).connection.stream.destroy()
  }
}

function count(counts: Map<string, number>, table: string, rows: number): void {
  if (rows > 0) counts.set(table, (counts.get(table) ?? 0) + rows)
}
