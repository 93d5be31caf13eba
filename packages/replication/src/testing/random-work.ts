import type { Pool } from '@banyan/postgres'
import type { Random } from '../values/random.ts'

/** A whole number from 0, below `below`. */
export const some = (random: Random, below: number) => Math.floor(random() * below)

/** Several transactions of several statements; one that breaks a constraint is rolled back. */
export async function change(
  db: Pool,
  make: (random: Random) => string,
  random: Random,
  count: number,
): Promise<void> {
  for (let done = 0; done < count; ) {
    const size = 1 + some(random, 6)
    const statements = Array.from({ length: size }, () => make(random))
    await db.query(`BEGIN; ${statements.join('; ')}; COMMIT`).catch(() => db.query('ROLLBACK'))
    done += size
  }
}
