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
 * Runs items in one transaction, as one that fails is rare: then all is rolled back, and those before it
 * and those after it run again, each part in a transaction. However many fail, an item runs twice at
 * most. (A savepoint for each would cost two round trips an item, always.)
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
  const done: Item[] = []
  const parts: (readonly Item[])[] = [items]
  while (parts.length > 0) {
    const part = parts.shift()!
    if (part.length === 0) continue
    const round = await attempt(pool, part, work)
    lost.push(...round.lost)
    done.push(...round.done)
    const { rest, culprit } = round
    if (culprit) {
      failed.push(culprit)
      const at = rest.indexOf(culprit.item)
      parts.unshift(rest.slice(0, at), rest.slice(at + 1))
    } else if (round.error !== undefined && rest.length <= 1) {
      if (!rest[0]) throw round.error
      failed.push({ item: rest[0], error: round.error })
    } else if (round.error !== undefined) {
      // A constraint checked at the commit: nobody knows whose.
      parts.unshift(...rest.map((each) => [each]))
    } else {
      parts.unshift(rest)
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
  let mine = items
  const passedOver = () => {
    const ours = new Set(mine)
    return items.filter((item) => !ours.has(item))
  }
  try {
    await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${work.idleMs}`)
    mine = await work.take(client, items)
    for (const item of mine) {
      const tx = new OpenTransaction(client)
      try {
        await work.run(item, tx as unknown as Queryable)
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
      return { done: [], lost: [...passedOver(), ...gone], rest }
    }
    await client.query('COMMIT')
    client.release()
    return { done: mine, lost: passedOver(), rest: [] }
  } catch (error) {
    const broken = await end(client, error)
    if (broken && !(error instanceof TookTooLong)) throw error
    return { done: [], lost: passedOver(), rest: mine, ...(culprit ? { culprit } : { error }) }
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

  constructor(client: Queryable) {
    this.#client = client
  }

  query(...args: Parameters<Queryable['query']>): unknown {
    if (!this.#open) {
      throw new Error('This transaction is over: await every statement in the handler.')
    }
    return this.#client.query(...args)
  }

  close(): void {
    this.#open = false
  }
}
