import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Pool, sqlState } from '@banyan/postgres'
import { Applier } from './applier.ts'
import { copyAll } from './copy.ts'
import { CopyWatch } from './copy-watch.ts'
import { FatalProblem, mayPass } from './failures.ts'
import { Feed, MESSAGES } from './feed.ts'
import { type Flow, flowOf, mainFirst } from './flow.ts'
import { Heart } from './heart.ts'
import { Meter } from './meter.ts'
import { createObjects, dropObjects, type StreamObjects } from './objects.ts'
import type { Repaired } from './repair.ts'
import { Repairs } from './repairs.ts'
import { requireServers } from './server-identity.ts'
import { endSlotReader } from './sessions.ts'
import { enginePool, sessionName, streamObjectName } from './side.ts'
import { checkSlot } from './slot.ts'
import { Batch, type Transaction } from './transaction.ts'
import type { CopyOptions, CopyReport, LinkOptions, LinkProblem, LinkStatus } from './types.ts'
import { Waiters } from './waiters.ts'
import { WalReader } from './wal-reader.ts'

const HEARTBEAT_MS = 500
const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 1_000
/** So often the same statement may fail before it is no passing trouble. */
const APPLY_ATTEMPTS = 3
/** A side that hangs must not keep `stop` from returning. */
const STOP_WITHIN_MS = 5_000

/**
 * One change stream of an extraction: reads one side's log and writes the other side's tables, each
 * batch in one transaction with the position it ends at, so that nothing is lost or applied twice
 * whatever dies.
 */
export class Link {
  readonly options: LinkOptions
  readonly #id = randomUUID()
  readonly #flows: readonly Flow[]
  readonly #from: Pool
  readonly #to: Pool
  readonly #meter: Meter
  readonly #watch = new CopyWatch(this.#id)
  readonly #waiters = new Waiters()
  readonly #copying = new Set<Flow>()
  #running: Promise<void> | null = null
  #stopping = false
  #feed: Feed | null = null
  #applier: Applier | null = null
  #failures = 0
  #closed: Promise<unknown> | null = null
  #stateChanged: (() => void)[] = []
  /** Done between two batches; a heartbeat makes one every so often. */
  readonly #repairs = new Repairs()

  constructor(options: LinkOptions) {
    this.options = options
    const flows = options.tables.map((table) => flowOf(table, options.stream))
    // A row is copied before the parts and elements that go into it.
    this.#flows = mainFirst(flows, (flow) => flow)
    const { extraction, token, stream } = options
    this.#from = enginePool(options.fromUrl, extraction, token, stream)
    this.#to = enginePool(options.toUrl, extraction, token, stream)
    this.#meter = new Meter(options.heartbeatMs ?? HEARTBEAT_MS)
  }

  /**
   * Creates the publication (exactly the tables, and before the slot), the slot, the replication
   * origin and the progress row at the slot's consistent point. Idempotent. Waits for transactions
   * that are running on `from`.
   *
   * @throws BanyanError `STALE_TOKEN`, or `BAD_PLAN` when the stream exists with other tables.
   */
  async prepare(): Promise<void> {
    await createObjects(
      this.#objects(),
      this.#flows.map((flow) => flow.from),
    )
  }

  /** Streams and applies until `stop`, connecting again whenever a side was away. */
  start(): void {
    if (this.#running) return
    this.#stopping = false
    this.#setState('reconnecting')
    this.#running = this.#run()
  }

  /**
   * Copies what the tables hold, while started; goes on where an earlier call, of this link or an
   * older one, was broken off. Forward only.
   *
   * @throws the signal's reason; an Error when the link stops or breaks meanwhile.
   */
  async copy(options: CopyOptions = {}): Promise<CopyReport> {
    if (this.options.stream !== 'forward') throw new Error('only the forward stream has a copy')
    return copyAll({
      extraction: this.options.extraction,
      token: this.options.token,
      flows: this.#flows,
      from: this.#from,
      to: this.#to,
      watch: this.#watch,
      copying: this.#copying,
      streaming: () => this.#streaming(options.signal),
      options,
    })
  }

  /** True once the other side has committed this barrier; false when it has not within the time, ms. */
  async awaitBarrier(id: string, timeoutMs: number): Promise<boolean> {
    const announced = this.#waiters.wait(`barrier ${id}`, timeoutMs)
    if (await this.#hasBarrier(id).catch(() => false)) {
      this.#waiters.announce(`barrier ${id}`)
      return true
    }
    return (await announced) || this.#hasBarrier(id).catch(() => false)
  }

  /**
   * Sends a message through the stream: everything committed on `from` before the call is committed
   * on `to` when it resolves.
   *
   * @returns how long it took, ms.
   * @throws an Error when it did not arrive within the time.
   */
  async probe(timeoutMs: number): Promise<number> {
    const id = randomUUID()
    const began = performance.now()
    const arrived = this.#waiters.wait(`probe ${id}`, timeoutMs)
    const body = JSON.stringify({ extraction: this.options.extraction, probe: id })
    // Local: a probe that waited for a synchronous standby would not be in the stream any sooner.
    await this.#from.query(
      `SELECT set_config('synchronous_commit', 'local', true),
              pg_logical_emit_message(true, '${MESSAGES.probe}', $1)`,
      [body],
    )
    if (!(await arrived)) {
      throw new Error(`no change of ${this.#name()} arrived within ${timeoutMs} ms`)
    }
    return performance.now() - began
  }

  /**
   * Makes one row of `to` what it is on `from` now; see `repairRow`, which knows the owner.
   *
   * @param key values of the source's key, as text.
   */
  repair(table: string, key: readonly string[]): Promise<Repaired> {
    if (this.#meter.state !== 'streaming') {
      return Promise.reject(new Error(`${this.#name()} is ${this.#meter.state}`))
    }
    return this.#repairs.add(this.options, this.#flows, table, key)
  }

  status(): LinkStatus {
    return this.#meter.status()
  }

  /** Ends after the batch in hand. The link can be started again. */
  async stop(): Promise<void> {
    if (!this.#running) return
    this.#stopping = true
    this.#feed?.fail(new Error('stopped'))
    const hanging = setTimeout(() => void this.#applier?.close(), STOP_WITHIN_MS)
    await this.#running
    clearTimeout(hanging)
    this.#running = null
    // Whoever waits for a message would otherwise hold up an engine that stops or recovers, for 30 s.
    this.#waiters.giveUp()
    if (this.#meter.state !== 'broken') this.#setState('idle')
  }

  /**
   * Stops, and takes slot, publication, origin, progress and barriers out of both databases, whoever
   * still uses them. Idempotent; also for a link that never started.
   */
  async drop(): Promise<void> {
    await this.stop()
    await dropObjects(this.#objects())
  }

  /** Stops and lets go of every connection; the link is of no use afterwards. */
  async close(): Promise<void> {
    await this.stop()
    this.#closed ??= Promise.all([this.#from.end(), this.#to.end()])
    await this.#closed
  }

  #name(): string {
    return `the ${this.options.stream} stream of "${this.options.extraction}"`
  }

  #objects(): StreamObjects {
    const { extraction, stream, token } = this.options
    return { extraction, stream, token, from: this.#from, to: this.#to }
  }

  async #hasBarrier(id: string): Promise<boolean> {
    const { rowCount } = await this.#to.query(
      'SELECT 1 FROM banyan.barrier WHERE extraction = $1 AND stream = $2 AND barrier = $3',
      [this.options.extraction, this.options.stream, id],
    )
    return rowCount === 1
  }

  async #run(): Promise<void> {
    let backoff = BACKOFF_FIRST_MS
    while (!this.#stopping) {
      const began = Date.now()
      try {
        await this.#session()
      } catch (error) {
        if (this.#stopping) return
        const fatal = this.#fatal(error as Error)
        if (fatal) {
          this.#setState('broken')
          this.options.onProblem({ kind: fatal.kind, message: fatal.message, fatal: true })
          return
        }
      }
      if (this.#stopping) return
      this.#setState('reconnecting')
      if (Date.now() - began > 10 * BACKOFF_MAX_MS) backoff = BACKOFF_FIRST_MS
      await delay(backoff)
      backoff = Math.min(BACKOFF_MAX_MS, backoff * 2)
    }
  }

  /** One connection's life; throws what ended it. */
  async #session(): Promise<void> {
    const { extraction, stream, fromUrl, toUrl, token } = this.options
    const name = streamObjectName(extraction, stream)
    const applier = await Applier.connect({
      extraction,
      stream,
      toUrl,
      token,
      from: this.#from,
      copying: (flow) => this.#copying.has(flow),
      onRefused: (table, rows) =>
        this.#warn(
          'refused-rows',
          `${rows} rows of ${table} belong to buckets that are open there`,
        ),
      onMissing: (table, rows) =>
        this.#warn(
          'missing-row',
          `${rows} changed rows of ${table} were missing and were read again`,
        ),
    })
    this.#applier = applier
    let reader: WalReader | null = null
    let heart: Heart | null = null
    try {
      await requireServers(this.#name(), this.options.servers, this.#from, this.#to)
      await checkSlot(this.#from, name, applier.position)
      await this.#loadCopying()
      await endSlotReader(this.#from, name, token)
      this.#meter.position = applier.position
      const feed = new Feed(this.#flows, extraction, stream, applier.position, {
        begin: () => this.#watch.begin(),
        change: (xid, change, tagged) => {
          // A chunk is only ever read of a table whose copy is not done.
          if (this.#copying.has(change.flow)) this.#watch.change(xid, change, tagged)
        },
        watermark: (id) => this.#watch.watermark(id),
        pause: () => reader?.pause(),
        resume: () => reader?.resume(),
      })
      this.#feed = feed
      reader = new WalReader({
        url: fromUrl,
        name: sessionName(extraction, token, `read-${stream}`),
        slot: name,
        publication: name,
        position: applier.position,
        onData: (buffer, start, end) => feed.push(buffer, start, end),
        onEnd: (error) => feed.fail(error),
      })
      await reader.start()
      this.#watch.resume()
      heart = this.#heart(feed)
      heart.start()
      this.#setState('streaming')
      await this.#pump(feed, applier, reader)
    } finally {
      heart?.stop()
      reader?.close()
      this.#feed = null
      this.#applier = null
      this.#watch.interrupt()
      this.#repairs.fail()
      await applier.close()
    }
  }

  /** Tables whose copy was never begun or is not done: a changed row may not be there yet. */
  async #loadCopying(): Promise<void> {
    this.#copying.clear()
    if (this.options.stream !== 'forward') return
    const { rows } = await this.#to.query<{ relation: string }>(
      'SELECT relation FROM banyan.copy WHERE extraction = $1 AND done',
      [this.options.extraction],
    )
    const done = new Set(rows.map((row) => row.relation))
    for (const flow of this.#flows) if (!done.has(flow.name)) this.#copying.add(flow)
  }

  async #pump(feed: Feed, applier: Applier, reader: WalReader): Promise<void> {
    while (!this.#stopping) {
      const next = await feed.take()
      if (this.#stopping) return
      const applied =
        next instanceof Batch ? await applier.apply(next) : await applier.applyLarge(next, feed)
      const transactions = next instanceof Batch ? next.transactions : [next]
      this.#failures = 0
      if (applied.durable) reader.confirm(applier.position)
      this.#meter.position = applier.position
      this.#meter.transactions += transactions.length
      this.#meter.rows += applied.rows
      this.#meter.refusedRows += applied.refused
      for (const transaction of transactions) this.#announce(transaction, applied.mergedRows)
      await this.#repairs.run(applier)
      feed.release(next.bytes)
    }
  }

  #announce(transaction: Transaction, mergedRows: number): void {
    for (const id of transaction.barriers) this.#waiters.announce(`barrier ${id}`)
    for (const id of transaction.probes) this.#waiters.announce(`probe ${id}`)
    for (const beat of transaction.beats) if (beat.link === this.#id) this.#meter.beat(beat.at)
    if (transaction.chunk) this.#watch.merged(transaction.chunk, mergedRows)
  }

  #heart(feed: Feed): Heart {
    const { extraction, stream, fromUrl, token } = this.options
    return new Heart({
      extraction,
      stream,
      link: this.#id,
      fromUrl,
      to: this.#to,
      token,
      everyMs: this.options.heartbeatMs ?? HEARTBEAT_MS,
      fromTables: this.#flows.map((flow) => flow.from),
      toTables: this.#flows.map((flow) => (flow.fold?.kind === 'in' ? flow.fold.row : flow.to)),
      onBeat: (beat) => {
        this.#meter.sawLog(beat.walLsn, beat.walStatus)
        this.#meter.keptBytes = beat.keptBytes
        this.#meter.keptFor = beat.keptFor
        this.#watch.prune(beat.snapshot)
      },
      onDdl: (message) => feed.fail(new FatalProblem('ddl', message)),
      onSlotLost: (message) => feed.fail(new FatalProblem('slot-lost', message)),
    })
  }

  #warn(kind: LinkProblem['kind'], message: string): void {
    this.options.onProblem({ kind, message, fatal: false })
  }

  /** What cannot be mended by connecting again; null for what may pass. */
  #fatal(error: Error): FatalProblem | null {
    if (error instanceof FatalProblem) return error
    // Also objects still held by a dying session.
    if (mayPass(error)) return null
    this.#failures++
    if (this.#failures < APPLY_ATTEMPTS) return null
    return new FatalProblem(
      'apply-error',
      `${this.#name()} cannot go on: ${error.message} (${sqlState(error)})`,
    )
  }

  #setState(state: LinkStatus['state']): void {
    this.#meter.state = state
    const waiting = this.#stateChanged
    this.#stateChanged = []
    for (const wake of waiting) wake()
  }

  /** Waits until the link streams; throws when it will not. */
  async #streaming(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted()
      if (this.#meter.state === 'streaming') return
      if (this.#meter.state !== 'reconnecting' || this.#stopping) {
        throw new Error(`${this.#name()} is ${this.#meter.state}; a copy needs it started`)
      }
      await new Promise<void>((resolve) => {
        this.#stateChanged.push(resolve)
        signal?.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }
}
