import { BanyanError, BucketSet } from '@banyan/contracts'
import { createPool, endsSession, type Pool, sqlState } from '@banyan/postgres'
import { type SideName, sessionName, takeSide } from '@banyan/replication'

/** State of a bucket in one database; see sql/001_side.sql of @banyan/replication. */
export type BucketState = 'open' | 'closing' | 'given' | 'closed'

export interface Ownership {
  readonly state: BucketState
  readonly epoch: number
}

/**
 * A flip must give up before PostgreSQL looks for deadlocks (deadlock_timeout, 1 s by default):
 * otherwise an application's writer could be chosen as the victim and see 40P01.
 */
const FLIP_TIMEOUT_MS = 800
/** A server that hangs, or a host that vanished without a word, does not even do that: then nobody knows. */
const FLIP_ANSWER_MS = 4_000

/** SQLSTATE of a flip under a token that is not the current one. */
const STALE_TOKEN = 'BN002'

/** One database of an extraction, as one engine (one token) sees it. */
export class Side {
  readonly name: SideName
  readonly pool: Pool
  readonly #flips: Pool
  readonly #extraction: string
  readonly #token: bigint

  constructor(name: SideName, extraction: string, url: string, token: bigint) {
    this.name = name
    this.#extraction = extraction
    this.#token = token
    this.pool = createPool(url, { name: sessionName(extraction, token, 'engine'), max: 4 })
    // Of its own, since a flip must find a connection at once and may not wait long for anything.
    this.#flips = createPool(url, {
      name: sessionName(extraction, token, 'flip'),
      max: 1,
      statementTimeoutMs: FLIP_TIMEOUT_MS,
      answerTimeoutMs: FLIP_ANSWER_MS,
    })
  }

  /**
   * Makes our token the one that counts here, before anything is read.
   *
   * @throws BanyanError STALE_TOKEN when this database knows a higher token.
   */
  async raise(): Promise<void> {
    if (await takeSide(this.pool, this.#extraction, this.#token)) return
    const { rows } = await this.pool.query<{ token: string }>(
      'SELECT token FROM banyan.token WHERE extraction = $1',
      [this.#extraction],
    )
    const highest = rows[0]!.token
    if (BigInt(highest) !== this.#token) {
      throw new BanyanError('STALE_TOKEN', { held: this.#token.toString(), highest })
    }
  }

  /** All 1,024 buckets, by number; empty when the extraction is not registered here. */
  async ownership(): Promise<Ownership[]> {
    const { rows } = await this.pool.query<Ownership>(
      'SELECT state, epoch::float8 FROM banyan.ownership WHERE extraction = $1 ORDER BY bucket',
      [this.#extraction],
    )
    return rows
  }

  /**
   * Moves buckets from one state to another: all or none, in one autocommit statement.
   * A connection error leaves it unknown whether it happened: the caller must raise its token first.
   */
  async flip(
    buckets: BucketSet,
    from: BucketState,
    to: BucketState,
    options: { epoch?: number; barrier?: string } = {},
  ): Promise<void> {
    await this.#flips.query('SELECT banyan.flip($1, $2, $3, $4, $5, $6, $7)', [
      this.#token.toString(),
      this.#extraction,
      [...buckets],
      [from],
      to,
      options.epoch ?? null,
      options.barrier ?? null,
    ])
  }

  /**
   * Where this side owns every bucket, its guards need one look to know it from now on, until the next
   * flip: to be called after each. Without it they are as right, at several times the cost for the writer.
   */
  async noteWhole(): Promise<void> {
    await this.pool.query('SELECT banyan.note_whole($1)', [this.#extraction])
  }

  async refusals(): Promise<number> {
    const { rows } = await this.pool.query<{ n: number }>(
      'SELECT banyan.refusals($1)::float8 AS n',
      [this.#extraction],
    )
    return rows[0]!.n
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.#flips.end()])
  }
}

/** The buckets in a state. */
export function inState(ownership: readonly Ownership[], ...states: BucketState[]): BucketSet {
  return BucketSet.of(
    ownership.flatMap((one, bucket) => (states.includes(one.state) ? [bucket] : [])),
  )
}

/** The highest epoch of some buckets over both sides; every attempt and every reopening goes above it. */
export function highestEpoch(buckets: BucketSet, ...sides: (readonly Ownership[])[]): number {
  let highest = 0
  for (const side of sides) {
    for (const bucket of buckets) highest = Math.max(highest, side[bucket]?.epoch ?? 0)
  }
  return highest
}

/** The database said no with one of our codes, as against a reply that never came. */
export function isAnswer(error: unknown): error is Error {
  const state = sqlState(error)
  return state !== undefined && !endsSession(state)
}

/**
 * An answer that may be another one the next time: a lost race (class 40), a server that is short of
 * something (53), a lock that was not to be had in time (55P03), a statement that took too long (57014),
 * a standby that an address still leads to while a failover is under way (25006).
 */
export function isPassing(error: unknown): boolean {
  return isAnswer(error) && /^(40...|53...|25006|55P03|57014)$/.test(sqlState(error)!)
}

/** A database knows a higher token: somebody else has taken the extraction up since. */
export function isStale(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return code === STALE_TOKEN || code === 'STALE_TOKEN'
}
