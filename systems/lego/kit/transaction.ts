import { sqlState } from './failures.ts'

/** What a Drizzle database and its transactions have in common. */
interface Transactional<Tx> {
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
}

/**
 * Runs one transaction that changes data. One that began before its rows were handed over to this
 * database meets 40001 (docs/handover.md, "Guard"); the second try begins after.
 */
export async function write<Tx, T>(
  db: Transactional<Tx>,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  try {
    return await db.transaction(work)
  } catch (error) {
    if (sqlState(error) !== '40001') throw error
    return db.transaction(work)
  }
}
