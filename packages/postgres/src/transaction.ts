import type { Statement } from './named-statements.ts'
import type { Pool, PoolClient, Queryable } from './pool.ts'

export const BEGIN = 'BEGIN'
export const COMMIT = 'COMMIT'

/** How a client begins and ends a transaction of ours. */
export interface Transactional {
  begin(text: string): Promise<void>
  /** Resolves to the command that the server says it carried out. */
  commit(): Promise<string>
  rollback(): Promise<void>
  /** Whether it is in one that began so, and that what it holds is carried out with. */
  readonly holds: boolean
  /** Keeps a statement until another one comes, or COMMIT. */
  hold(statement: Statement): Promise<void>
}

/** Runs `work` in one transaction: committed when it resolves, rolled back when it throws. */
export async function transaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  begin = BEGIN,
): Promise<T> {
  const client = await pool.connect()
  const own = isTransactional(client) ? client : plainly(client)
  try {
    await own.begin(begin)
    const result = await work(client)
    // The server answers COMMIT of a failed transaction without an error: nothing was kept.
    if ((await own.commit()) !== COMMIT) {
      throw new Error('The transaction was rolled back: a statement in it had failed')
    }
    client.release()
    return result
  } catch (error) {
    // A connection that cannot even roll back is of no use to the next caller.
    const broken = await own.rollback().then(
      () => undefined,
      (failure: Error) => failure,
    )
    client.release(broken)
    throw error
  }
}

/**
 * Carries out a statement whose answer nobody needs; one that is the last of a `transaction` goes with its COMMIT, where
 * the pool's client can (`prepared`). Then it fails as the transaction does.
 */
export async function withCommit(tx: Queryable, text: string, values: unknown[]): Promise<void> {
  if (isTransactional(tx) && tx.holds && values.length > 0) await tx.hold({ text, values })
  else await tx.query(text, values)
}

function isTransactional(client: Queryable): client is Queryable & Transactional {
  return 'hold' in client
}

const plainly = (client: PoolClient): Pick<Transactional, 'begin' | 'commit' | 'rollback'> => ({
  begin: async (text) => void (await client.query(text)),
  commit: async () => (await client.query(COMMIT)).command,
  rollback: async () => void (await client.query('ROLLBACK')),
})
