import type { Pool } from '@banyan/postgres'

export const WORKLOADS = ['updates', 'inserts', 'mixed'] as const
export type Workload = (typeof WORKLOADS)[number]

/** Ids that backlogs insert: above those that are updated. */
const NEW_IDS = 1_000_000_000

const CHANGES: Record<Workload, string> = {
  updates: `
      UPDATE public.item SET n = n + 1, note = 'changed ' || i
       WHERE id IN (1 + (seed + i * 37) % rows, 1 + (seed + i * 91 + 7) % rows);`,
  inserts: `
      INSERT INTO public.item VALUES (first + i, 'user-' || i % 10000, now(), i, repeat(md5(i::text), 2));`,
  // What it deletes was inserted a round before: rows that came and went within one batch would flatter.
  mixed: `
      INSERT INTO public.item VALUES (first + i, 'user-' || i % 10000, now(), i, repeat(md5(i::text), 2));
      UPDATE public.item SET n = n + 1, note = 'changed ' || i
       WHERE id IN (1 + (seed + i * 37) % rows, 1 + (seed + i * 91 + 7) % rows);
      GET DIAGNOSTICS touched = ROW_COUNT;
      changes := changes + 1 + touched;
      DELETE FROM public.item WHERE id = first - transactions + i;`,
}

/** Procedures that write one backlog each: they run in the server, so that no client slows them down. */
export async function createWorkloads(pool: Pool): Promise<void> {
  for (const name of WORKLOADS) {
    await pool.query(`
      CREATE PROCEDURE public.${name}(transactions bigint, rows bigint, seed bigint, first bigint, INOUT changes bigint)
      LANGUAGE plpgsql AS $$
      DECLARE touched bigint;
      BEGIN
        changes := 0;
        FOR i IN 1..transactions LOOP
          ${CHANGES[name]}
          GET DIAGNOSTICS touched = ROW_COUNT;
          changes := changes + touched;
          COMMIT;
        END LOOP;
      END $$`)
  }
}

/**
 * Writes that many transactions.
 *
 * @param rows ids 1 to this exist.
 * @param round counts up, never the same twice: rows inserted in one round are deleted in the next.
 * @returns how many rows were changed.
 */
export async function writeBacklog(
  pool: Pool,
  workload: Workload,
  transactions: number,
  rows: number,
  round: number,
): Promise<number> {
  const client = await pool.connect()
  try {
    // How the source waited for its disk is no part of what is measured.
    await client.query('SET synchronous_commit = off')
    const first = NEW_IDS + round * transactions
    const result = await client.query<{ changes: string }>(
      `CALL public.${workload}(${transactions}, ${rows}, ${round * 1_000}, ${first}, NULL)`,
    )
    return Number(result.rows[0]!.changes)
  } finally {
    await client.query('RESET synchronous_commit')
    client.release()
  }
}
