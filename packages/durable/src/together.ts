import type { Pool, PoolClient, Queryable } from '@banyan/postgres'
import { isOutage } from './outage.ts'

export interface Together<Item> {
  /** The server ends the transaction when nothing is heard of it for so long, ms: it is our lease. */
  readonly idleMs: number
  /** First in each transaction: those of the items that are ours to run. */
  take(client: Queryable, items: readonly Item[]): Promise<readonly Item[]>
  /** The work of one item; what it writes through `tx` stays if the whole transaction does. */
  run(item: Item, tx: Queryable): Promise<void>
  /** Last in each transaction: those of the items that are another runner's by now. */
  finish(client: Queryable, items: readonly Item[]): Promise<readonly Item[]>
}

export interface Outcome<Item> {
  /** Committed. */
  readonly done: readonly Item[]
  readonly failed: readonly { readonly item: Item; readonly error: unknown }[]
  /** Another runner has them. */
  readonly lost: readonly Item[]
}

/** Thrown by `run` when the item did not answer in time: its statement may still be running. */
export class TookTooLong extends Error {
  override readonly name = 'TookTooLong'
}

/**
 * Runs items in one transaction, as one that fails is rare: then all is rolled back, and the others run
 * again without it. (A savepoint for each would cost two round trips an item, always.)
 *
 * @throws what the connection threw when the database was away; nothing is known then.
 */
export async function runTogether<Item>(
  pool: Pool,
  items: readonly Item[],
  work: Together<Item>,
): Promise<Outcome<Item>> {
  const failed: { item: Item; error: unknown }[] = []
  const lost: Item[] = []
  // Groups of what is still to be run; a group falls apart when it is not known who spoilt it.
  const groups: (readonly Item[])[] = [items]
  const done: Item[] = []
  for (let group = groups.shift(); group; group = groups.shift()) {
    if (group.length === 0) continue
    const round = await attempt(pool, group, work)
    lost.push(...round.lost)
    done.push(...round.done)
    if (round.culprit) {
      const { item, error } = round.culprit
      failed.push({ item, error })
      groups.unshift(round.rest.filter((each) => each !== item))
    } else if (round.error !== undefined) {
      const [only, ...others] = round.rest
      if (others.length === 0) failed.push({ item: only!, error: round.error })
      else groups.unshift(...round.rest.map((each) => [each]))
    } else {
      groups.unshift(round.rest)
    }
  }
  return { done, failed, lost }
}

interface Round<Item> {
  readonly done: readonly Item[]
  readonly lost: readonly Item[]
  /** To be run again. */
  readonly rest: readonly Item[]
  /** Whose own work threw. */
  readonly culprit?: { readonly item: Item; readonly error: unknown }
  /** Of nobody in particular. */
  readonly error?: unknown
}

async function attempt<Item>(
  pool: Pool,
  items: readonly Item[],
  work: Together<Item>,
): Promise<Round<Item>> {
  const client = await pool.connect()
  let culprit: Round<Item>['culprit']
  let mine: readonly Item[] = items
  try {
    await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${work.idleMs}`)
    mine = await work.take(client, items)
    const taken = new Set(mine)
    const passedOver = items.filter((item) => !taken.has(item))
    for (const item of mine) {
      const tx = new OpenTransaction(client)
      try {
        await work.run(item, tx)
      } catch (error) {
        // A statement that failed unnoticed in the item before makes the next one fail.
        if ((error as { code?: unknown }).code !== '25P02') culprit = { item, error }
        throw error
      } finally {
        tx.close()
      }
    }
    const gone = new Set(await work.finish(client, mine))
    if (gone.size > 0) {
      await client.query('ROLLBACK')
      client.release()
      const rest = mine.filter((item) => !gone.has(item))
      return { done: [], lost: [...passedOver, ...gone], rest }
    }
    await client.query('COMMIT')
    client.release()
    return { done: mine, lost: passedOver, rest: [] }
  } catch (error) {
    const broken = await end(client, error)
    if (broken && !(error instanceof TookTooLong)) throw error
    const taken = new Set(mine)
    const passedOver = items.filter((item) => !taken.has(item))
    return { done: [], lost: passedOver, rest: mine, ...(culprit ? { culprit } : { error }) }
  }
}

/** @returns whether the connection was of no more use. */
async function end(client: PoolClient, error: unknown): Promise<boolean> {
  // A ROLLBACK would wait behind the statement that takes too long; closing the connection ends both.
  if (error instanceof TookTooLong) {
    client.release(true)
    return true
  }
  const failure = await client.query('ROLLBACK').then(
    () => undefined,
    (broken: Error) => broken,
  )
  client.release(failure)
  return failure !== undefined && (isOutage(failure) || isOutage(error))
}

/** The transaction as an item sees it: over when the item is, so that nothing late lands in another's. */
class OpenTransaction {
  readonly #client: Queryable
  #open = true
  readonly query: Queryable['query']

  constructor(client: Queryable) {
    this.#client = client
    const query = (...args: Parameters<Queryable['query']>) => {
      if (!this.#open) throw new Error('This transaction is over: await every statement in the handler.')
      return this.#client.query(...args)
    }
    this.query = query as unknown as Queryable['query']
  }

  close(): void {
    this.#open = false
  }
}
