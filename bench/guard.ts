/**
 * What the guard costs the application that writes a moved table: while it still owns every row, and
 * while some buckets are another's. The same writes with and without it, in interleaved rounds, the
 * median of the rounds' ratios.
 * Usage: node --import tsx bench/guard.ts [rounds, 7]
 */
import { pathToFileURL } from 'node:url'
import { BUCKETS, bucketOf } from '@banyan/contracts'
import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import { installSide, raiseToken } from '@banyan/replication'
import pg from 'pg'
import { interleave, median } from './statistics.ts'

export interface GuardOverheadOptions {
  /** Rounds of each measurement, the first of which only warms up. */
  readonly rounds?: number
  /** Connections that write at once, as a small web application's pool. */
  readonly clients?: number
  /** Autocommit statements of a round, over all clients. */
  readonly writes?: number
  /** Rows of one bulk statement. */
  readonly bulkRows?: number
  /** A server of the caller's, who stops it; one is started, and stopped, when left out. */
  readonly server?: EmbeddedPostgres
}

/** Extra time as a share of the time without a guard: 0.1 is ten percent longer. */
export interface GuardOverhead {
  /** Single-row autocommit writes over the wire, half inserts, half updates by primary key. */
  readonly single: Overhead
  /** One INSERT … SELECT of many rows of a thousand owners. */
  readonly bulk: Overhead
  /** One UPDATE of all those rows. */
  readonly bulkUpdate: Overhead
  /** CPU time of the server alone: one single-row INSERT in a loop on the server, no wire, no commit. */
  readonly microsPerWrite: Readonly<Record<Table, number>>
  readonly writesPerSecond: Readonly<Record<Table, number>>
}

interface Overhead {
  /** While the side owns every bucket. */
  readonly whole: number
  /** While it owns all but one, which nobody here writes. */
  readonly split: number
  /** The overheads of every round that counts. */
  readonly rounds: readonly Readonly<Record<Guarded, number>>[]
}

/** The machine's mood changes within a second: the tables take turns more often than that. */
const SLICES = 10

const OWNERS = 1000
const GUARDED = ['whole', 'split'] as const
type Guarded = (typeof GUARDED)[number]
const TABLES = ['bare', ...GUARDED] as const
type Table = (typeof TABLES)[number]

export async function guardOverhead(options: GuardOverheadOptions = {}): Promise<GuardOverhead> {
  const { rounds = 7, clients = 4, writes = 4_000, bulkRows = 100_000 } = options
  const server =
    options.server ?? (await EmbeddedPostgres.start({ settings: { max_wal_size: '4GB' } }))
  const sessions: pg.Client[] = []
  try {
    const connectionString = await server.createDatabase('guard')
    for (let i = 0; i < clients; i++) {
      const client = new pg.Client({ connectionString })
      await client.connect()
      sessions.push(client)
    }
    const first = sessions[0]!
    await install(connectionString)
    const slice = Math.ceil(writes / SLICES)
    const inserted = await measure(
      rounds,
      (table, nth) => single(sessions, table, nth * slice, slice),
      SLICES,
    )
    const looped = await measure(rounds, async (table) => {
      await empty(first, table)
      return timed(() => loop(first, table, writes))
    })
    const bulk = await measure(rounds, async (table) => {
      await empty(first, table)
      return timed(() => fill(first, table, bulkRows))
    })
    const bulkUpdate = await measure(rounds, (table) =>
      timed(() => first.query(`UPDATE public.${table} SET note = 'changed'`)),
    )
    return {
      single: inserted.overhead,
      bulk: bulk.overhead,
      bulkUpdate: bulkUpdate.overhead,
      microsPerWrite: perTable((table) => (looped.ms[table] / writes) * 1000),
      writesPerSecond: perTable((table) => ((slice * SLICES) / inserted.ms[table]) * 1000),
    }
  } finally {
    for (const session of sessions) await session.end()
    if (!options.server) await server.stop()
  }
}

async function install(url: string): Promise<void> {
  const pool = createPool(url, { name: 'bench', max: 1 })
  for (const table of TABLES) {
    await pool.query(
      `CREATE TABLE public.${table} (id bigint PRIMARY KEY, owner text NOT NULL, note text)`,
    )
  }
  await installSide(pool)
  for (const table of GUARDED) {
    await pool.query(`SELECT banyan.register('${table}', 'source')`)
    await raiseToken(pool, table, 1n)
    await pool.query(`SELECT banyan.guard('${table}', 'public.${table}', 'owner')`)
  }
  const written = new Set(Array.from({ length: OWNERS }, (_, n) => bucketOf(`user-${n}`)))
  const away = Array.from({ length: BUCKETS }, (_, bucket) => bucket).find((b) => !written.has(b))
  await pool.query(`SELECT banyan.flip(1, 'split', $1, '{open}', 'closing', 2, NULL)`, [[away]])
  await pool.end()
}

/**
 * Overheads and medians of all tables, after a round that only warms up.
 *
 * @param slices a round is made of so many turns of each table, added up.
 */
async function measure(
  rounds: number,
  run: (table: Table, nth: number) => Promise<number>,
  slices = 1,
): Promise<{ overhead: Overhead; ms: Record<Table, number> }> {
  const turns = await interleave(
    (rounds + 1) * slices,
    perTable((table) => (nth: number) => run(table, nth)),
    true,
  )
  const counted = Array.from({ length: rounds }, (_, round) => {
    const own = turns.slice((round + 1) * slices, (round + 2) * slices)
    return perTable((table) => own.reduce((sum, turn) => sum + turn[table], 0))
  })
  const overheads = counted.map(({ bare, whole, split }) => ({
    whole: whole / bare - 1,
    split: split / bare - 1,
  }))
  return {
    overhead: {
      whole: median(overheads.map((round) => round.whole)),
      split: median(overheads.map((round) => round.split)),
      rounds: overheads,
    },
    ms: perTable((table) => median(counted.map((round) => round[table]))),
  }
}

/** Each client sends its next write when the one before has been committed. */
async function single(
  sessions: readonly pg.Client[],
  table: Table,
  from: number,
  writes: number,
): Promise<number> {
  let next = from
  return timed(() =>
    Promise.all(
      sessions.map(async (session) => {
        while (next + 1 < from + writes) {
          const id = next
          next += 2
          await session.query({
            name: `insert-${table}`,
            text: `INSERT INTO public.${table} VALUES ($1, $2, $3)`,
            values: [id, `user-${id % OWNERS}`, 'a note'],
          })
          await session.query({
            name: `update-${table}`,
            text: `UPDATE public.${table} SET note = $2 WHERE id = $1`,
            values: [id, 'another note'],
          })
        }
      }),
    ),
  )
}

/** TRUNCATE is refused on a guarded one. */
async function empty(client: pg.Client, table: Table): Promise<void> {
  await client.query(`DELETE FROM public.${table}`)
  await client.query(`VACUUM public.${table}`)
}

function loop(client: pg.Client, table: Table, writes: number) {
  return client.query(
    `DO $$ BEGIN FOR i IN 1..${writes} LOOP
       INSERT INTO public.${table} VALUES (i, 'user-' || i % ${OWNERS}, 'a note');
     END LOOP; END $$`,
  )
}

function fill(client: pg.Client, table: Table, rows: number) {
  return client.query(
    `INSERT INTO public.${table} SELECT n, 'user-' || n % ${OWNERS}, 'a note' FROM generate_series(1, ${rows}) n`,
  )
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

function perTable<T>(value: (table: Table) => T): Record<Table, T> {
  return { bare: value('bare'), whole: value('whole'), split: value('split') }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const rounds = Number(process.argv[2] ?? 7)
  console.log(JSON.stringify(await guardOverhead({ rounds }), null, 2))
}
