import { rm } from 'node:fs/promises'
import type { Supervisor } from '@banyan/lab'
import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import {
  guardTable,
  installSide,
  Link,
  type ResolvedTable,
  raiseToken,
  resolveTables,
  type TableSpec,
} from '@banyan/replication'

/**
 * Both servers alike. Checkpoints and autovacuum come when they like, and would fall on one contender
 * and not on the other: they are made to come between the rounds instead.
 */
export const SERVER_SETTINGS = {
  shared_buffers: '256MB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  // A native subscription that is enabled again must not wait out a pause of 5 s.
  wal_retrieve_retry_interval: '100ms',
} as const

export const EXTRACTION = 'bench'
export const TOKEN = 1n

/** About 130 bytes a row: 2,000,000 of them are 256 MB. */
export const ITEM = `CREATE TABLE public.item (
  id bigint PRIMARY KEY, owner text NOT NULL, at timestamptz NOT NULL, n numeric, note text)`
export const ITEM_SPEC: TableSpec = { source: 'public.item', target: 'public.item', owner: 'owner' }

/** Two servers, and everything on them that has to be let go of before they stop. */
export class Rig {
  readonly source: EmbeddedPostgres
  readonly target: EmbeddedPostgres
  readonly #ends: (() => Promise<unknown>)[] = []

  private constructor(source: EmbeddedPostgres, target: EmbeddedPostgres) {
    this.source = source
    this.target = target
  }

  /** Runs `work` on two fresh servers, which are gone with their data when it ends, however it does. */
  static async with<T>(
    supervisor: Supervisor,
    work: (rig: Rig) => Promise<T>,
    settings: Readonly<Record<string, string | number>> = SERVER_SETTINGS,
  ): Promise<T> {
    const source = await supervisor.postgres({ settings })
    const target = await supervisor.postgres({ settings })
    const rig = new Rig(source, target)
    try {
      return await work(rig)
    } finally {
      await rig.#close()
    }
  }

  /** Done at the end, the latest first; a failure there must not hide what went wrong before. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end)
  }

  async database(server: EmbeddedPostgres, name: string): Promise<Database> {
    const url = await server.createDatabase(name)
    const pool = createPool(url, { name: 'bench', max: 8 })
    this.atEnd(() => pool.end())
    return { url, pool, name, server }
  }

  /** What a round has written must not slow the next one down. */
  async drop(database: Database): Promise<void> {
    await database.pool.end()
    const admin = createPool(database.server.url(), { name: 'bench', max: 1 })
    try {
      await admin.query(`DROP DATABASE ${database.name} WITH (FORCE)`)
    } finally {
      await admin.end()
    }
  }

  /** Everything written so far is on disk, so that its cost falls on nobody's round. */
  async settle(): Promise<void> {
    for (const server of [this.source, this.target]) {
      const admin = createPool(server.url(), { name: 'bench', max: 1 })
      try {
        await admin.query('CHECKPOINT')
      } finally {
        await admin.end()
      }
    }
  }

  /** Both sides as an engine installs them, ownership and guards included, and the stream between them. */
  async stream(
    source: Database,
    target: Database,
    specs: readonly TableSpec[] = [ITEM_SPEC],
  ): Promise<{ link: Link; tables: ResolvedTable[] }> {
    const tables = await prepareSides(source.pool, target.pool, specs)
    const link = new Link({
      extraction: EXTRACTION,
      stream: 'forward',
      fromUrl: source.url,
      toUrl: target.url,
      tables,
      token: TOKEN,
      onProblem: (problem) => console.error(`  ${problem.kind}: ${problem.message}`),
    })
    this.atEnd(() => link.close())
    return { link, tables }
  }

  async #close(): Promise<void> {
    for (const end of this.#ends.reverse()) await end().catch(() => {})
    for (const server of [this.source, this.target]) {
      await server.stop()
      await rm(server.dataDir, { recursive: true, force: true })
    }
  }
}

export interface Database {
  readonly url: string
  readonly pool: Pool
  readonly name: string
  readonly server: EmbeddedPostgres
}

async function prepareSides(
  source: Pool,
  target: Pool,
  specs: readonly TableSpec[],
): Promise<ResolvedTable[]> {
  for (const pool of [source, target]) await installSide(pool)
  const tables = await resolveTables(source, target, specs)
  for (const [pool, side] of [
    [source, 'source'],
    [target, 'target'],
  ] as const) {
    await pool.query('SELECT banyan.register($1, $2)', [EXTRACTION, side])
    for (const table of tables) {
      await guardTable(pool, EXTRACTION, table, side)
    }
    await raiseToken(pool, EXTRACTION, TOKEN)
  }
  return tables
}

/** Rows 1 to `rows` of `item`, the same ones wherever they are made. */
export async function fillItems(pool: Pool, rows: number): Promise<void> {
  await pool.query(
    `INSERT INTO public.item
       SELECT n, 'user-' || n % 10000, timestamptz '2026-01-01' + n * interval '1 s', n / 3.0,
              repeat(md5(n::text), 2)
         FROM generate_series(1, ${rows}) n`,
  )
  await pool.query('VACUUM ANALYZE public.item')
}

/** Count and hash of the items, whatever their order. */
export async function digest(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ digest: string }>(
    `SELECT count(*) || ' rows, hash ' || coalesce(sum(hashtextextended(t::text, 0)), 0) AS digest
       FROM public.item t`,
  )
  return rows[0]!.digest
}

/** @throws when a database does not hold these rows: what was measured then is worth nothing. */
export async function requireDigest(what: string, wanted: string, pool: Pool): Promise<void> {
  const found = await digest(pool)
  if (wanted !== found) throw new Error(`${what} holds ${found}; the source holds ${wanted}`)
}
