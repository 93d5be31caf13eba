import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { BUCKETS, bucketOf } from '@banyan/contracts'
import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import {
  guardTable,
  installSide,
  Link,
  type LinkProblem,
  type ResolvedTable,
  raiseToken,
  resolveTables,
  type SideName,
} from '@banyan/replication'
import { insertRow, TABLES } from './tables.ts'

export const EXTRACTION = 'trial'
const TOKEN = 1n
const DRAIN_MS = 30_000
/** As the engine's: below `deadlock_timeout`. */
const FLIP_TIMEOUT_MS = 800

export const otherSide = (side: SideName): SideName => (side === 'source' ? 'target' : 'source')

/** Two databases with both streams between them, and who owns which bucket. */
export class TrialPair {
  readonly pools: Readonly<Record<SideName, Pool>>
  readonly tables: readonly ResolvedTable[]
  readonly forward: Link
  readonly reverse: Link
  readonly problems: LinkProblem[] = []
  handovers = 0
  /** Handovers of each bucket so far: whether one came between two looks. */
  readonly moves = new Uint32Array(BUCKETS)
  readonly #flips: Readonly<Record<SideName, Pool>>
  /** null while a handover runs. */
  readonly #owners: (SideName | null)[] = Array.from({ length: BUCKETS }, () => 'source')
  #epoch = 10
  #busy: Promise<unknown> = Promise.resolve()

  private constructor(
    urls: Readonly<Record<SideName, string>>,
    pools: Readonly<Record<SideName, Pool>>,
    tables: readonly ResolvedTable[],
  ) {
    this.pools = pools
    this.tables = tables
    const flips = (side: SideName) =>
      createPool(urls[side], { name: 'flips', max: 1, statementTimeoutMs: FLIP_TIMEOUT_MS })
    this.#flips = { source: flips('source'), target: flips('target') }
    const link = (from: SideName) =>
      new Link({
        extraction: EXTRACTION,
        stream: from === 'source' ? 'forward' : 'reverse',
        fromUrl: urls[from],
        toUrl: urls[otherSide(from)],
        tables,
        token: TOKEN,
        onProblem: (problem) => this.problems.push(problem),
      })
    this.forward = link('source')
    this.reverse = link('target')
  }

  /** Creates both databases with their rows and guards, copies, and starts the streams. */
  static async start(server: EmbeddedPostgres): Promise<TrialPair> {
    const urls = {
      source: await server.createDatabase('trial_source'),
      target: await server.createDatabase('trial_target'),
    }
    const pool = (side: SideName) => createPool(urls[side], { name: 'trial', max: 30 })
    const pools = { source: pool('source'), target: pool('target') }
    for (const side of ['source', 'target'] as const) {
      for (const table of TABLES) await pools[side].query(table.ddl)
      await installSide(pools[side])
      await pools[side].query('SELECT banyan.register($1, $2)', [EXTRACTION, side])
      await raiseToken(pools[side], EXTRACTION, TOKEN)
    }
    for (const table of TABLES) {
      await pools.source.query(`${insertRow(table, 'n')} FROM generate_series(1, ${table.rows}) n`)
    }
    const tables = await resolveTables(
      pools.source,
      pools.target,
      TABLES.map((table) => table.spec),
    )
    for (const side of ['source', 'target'] as const) {
      for (const table of tables) {
        await guardTable(pools[side], EXTRACTION, table, side)
      }
    }
    const pair = new TrialPair(urls, pools, tables)
    await pair.forward.prepare()
    pair.forward.start()
    await pair.forward.copy()
    await pair.reverse.prepare()
    pair.reverse.start()
    return pair
  }

  /** Who owns this owner key's rows; null during a handover. */
  ownerOf(key: string | null): SideName | null {
    return this.#owners[bucketOf(key)]!
  }

  /** The buckets of a side, outside of handovers. */
  bucketsOf(side: SideName): number[] {
    return this.#owners.flatMap((owner, bucket) => (owner === side ? [bucket] : []))
  }

  /** The stream that reads this side. */
  streamFrom(side: SideName): Link {
    return side === 'source' ? this.forward : this.reverse
  }

  /** Gives buckets away by the steps of docs/handover.md; clients wait meanwhile. */
  async handOver(buckets: readonly number[], from: SideName): Promise<void> {
    await this.exclusively(async () => {
      for (const bucket of buckets) {
        this.#owners[bucket] = null
        this.moves[bucket]!++
      }
      const to = otherSide(from)
      const barrier = randomUUID()
      this.#epoch += 2
      const epoch = this.#epoch
      await this.#flip(from, buckets, 'open', 'closing', epoch, barrier)
      if (!(await this.streamFrom(from).awaitBarrier(barrier, DRAIN_MS))) {
        throw new Error(`a barrier did not come through within ${DRAIN_MS} ms`)
      }
      await this.#flip(from, buckets, 'closing', 'given', null, null)
      await this.#flip(to, buckets, 'closed', 'open', epoch + 1, null)
      await this.#flip(from, buckets, 'given', 'closed', null, null)
      for (const bucket of buckets) {
        this.#owners[bucket] = to
        this.moves[bucket]!++
      }
      this.handovers++
    })
  }

  /** Runs work while no handover does. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#busy.then(work, work)
    this.#busy = done.catch(() => {})
    return done
  }

  /** Everything that was committed on a side has arrived at the other. */
  async quiet(): Promise<void> {
    await Promise.all([this.forward.probe(DRAIN_MS), this.reverse.probe(DRAIN_MS)])
  }

  async stop(): Promise<void> {
    await Promise.all([this.forward.close(), this.reverse.close()])
    const { source, target } = this.pools
    await Promise.all(
      [source, target, this.#flips.source, this.#flips.target].map((one) => one.end()),
    )
  }

  async #flip(
    side: SideName,
    buckets: readonly number[],
    from: string,
    to: string,
    epoch: number | null,
    barrier: string | null,
  ): Promise<void> {
    const CANCELLED = '57014'
    for (;;) {
      try {
        await this.#flips[side].query('SELECT banyan.flip($1, $2, $3, $4, $5, $6, $7)', [
          TOKEN.toString(),
          EXTRACTION,
          buckets,
          [from],
          to,
          epoch,
          barrier,
        ])
        return
      } catch (error) {
        // It waited too long for writers and changed nothing.
        if ((error as { code?: string }).code !== CANCELLED) throw error
        await delay(20)
      }
    }
  }
}
