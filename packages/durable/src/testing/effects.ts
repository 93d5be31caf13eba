import type { Pool, Queryable } from '@banyan/postgres'
import type { OutgoingMessage } from '../messages.ts'

/** What handlers of tests do: a row for each effect. */
export async function createEffects(pool: Pool): Promise<void> {
  await pool.query(`
    CREATE TABLE public.effect (position bigint GENERATED ALWAYS AS IDENTITY, id uuid, key text, n int)`)
}

export async function writeEffect(tx: Queryable, message: OutgoingMessage): Promise<void> {
  await tx.query('INSERT INTO public.effect (id, key, n) VALUES ($1, $2, $3)', [
    message.id,
    message.key,
    (message.payload as { n: number }).n,
  ])
}

/** The numbers of a key's effects, in their order. */
export async function effectsOf(pool: Pool, key: string): Promise<number[]> {
  const { rows } = await pool.query<{ n: number }>(
    'SELECT n FROM public.effect WHERE key = $1 ORDER BY position',
    [key],
  )
  return rows.map((row) => row.n)
}

/** Holds the numbers that came against those that should have come, in this order. */
export function compare(came: readonly number[], expected: readonly number[]) {
  const firsts = [...new Set(came)]
  const inOrder = firsts.filter((n) => expected.includes(n))
  return {
    lost: expected.filter((n) => !came.includes(n)).length,
    doubled: came.length - firsts.length,
    disordered: inOrder.filter((n, i) => i > 0 && n < inOrder[i - 1]!).length,
  }
}
