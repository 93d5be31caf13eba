import { setTimeout as delay } from 'node:timers/promises'
import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import {
  installSide,
  Link,
  type LinkOptions,
  type LinkProblem,
  type ResolvedTable,
  raiseToken,
  resolveTables,
  type StreamName,
  type TableSpec,
} from '../index.ts'

export { randomFrom } from '../values/random.ts'

let databases = 0

/** Two databases of one extraction, as a test sees them. */
export interface Pair {
  readonly sourceUrl: string
  readonly targetUrl: string
  readonly source: Pool
  readonly target: Pool
  tables: ResolvedTable[]
  readonly problems: LinkProblem[]
  link(stream: StreamName, options?: Partial<LinkOptions>): Link
  close(): Promise<void>
}

/** How long a test waits for what must come, ms: a machine that stands still for a while is no fault of ours. */
export const PATIENCE_MS = 40_000

export const EXTRACTION = 'parcels'

/** Creates two databases with these schemas; the target may be on another server. */
export async function createPair(
  server: EmbeddedPostgres,
  options: {
    source: string
    target?: string
    tables: readonly TableSpec[]
    token?: bigint
    targetServer?: EmbeddedPostgres
  },
): Promise<Pair> {
  const number = ++databases
  const sourceUrl = await server.createDatabase(`source_${process.pid}_${number}`)
  const targetUrl = await (options.targetServer ?? server).createDatabase(
    `target_${process.pid}_${number}`,
  )
  const source = createPool(sourceUrl, { name: 'application', max: 10 })
  const target = createPool(targetUrl, { name: 'application', max: 10 })
  const token = options.token ?? 1n
  await source.query(options.source)
  await target.query(options.target ?? options.source)
  for (const [pool, side] of [
    [source, 'source'],
    [target, 'target'],
  ] as const) {
    await installSide(pool)
    await pool.query('SELECT banyan.register($1, $2)', [EXTRACTION, side])
    await raiseToken(pool, EXTRACTION, token)
  }
  const links: Link[] = []
  let closing: Promise<void> | undefined
  const problems: LinkProblem[] = []
  const pair: Pair = {
    sourceUrl,
    targetUrl,
    source,
    target,
    tables: await resolveTables(source, target, options.tables),
    problems,
    link(stream, more = {}) {
      const forward = stream === 'forward'
      const link = new Link({
        extraction: EXTRACTION,
        stream,
        fromUrl: forward ? sourceUrl : targetUrl,
        toUrl: forward ? targetUrl : sourceUrl,
        tables: pair.tables,
        token,
        heartbeatMs: 100,
        onProblem: (problem) => problems.push(problem),
        ...more,
      })
      links.push(link)
      return link
    },
    close() {
      closing ??= closeAll()
      return closing
    },
  }
  const closeAll = async () => {
    for (const link of links) {
      await link.drop().catch(() => {})
      await link.close()
    }
    await source.end()
    await target.end()
  }
  return pair
}

/** Waits until `check` answers something true; fails saying what was waited for. */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
  timeoutMs = PATIENCE_MS,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await check()
    if (answer) return answer
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await delay(10)
  }
}

/** The rows of a table as text, ordered by it. */
export async function contents(pool: Pool, table: string, columns = 't::text'): Promise<string[]> {
  const { rows } = await pool.query<{ row: string }>(
    `SELECT ${columns} AS row FROM ${table} AS t ORDER BY 1`,
  )
  return rows.map((row) => row.row)
}

/** Opens or closes every bucket of a side, as a finished handover leaves it. */
export async function own(pool: Pool, state: 'open' | 'closed'): Promise<void> {
  await pool.query('UPDATE banyan.ownership SET state = $1, epoch = epoch + 1', [state])
}

/** The seed of this run: SEED of the environment, or a new one; printed, so that a failure can be run again. */
export function seed(name: string): number {
  const value = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${name}: SEED=${value}`)
  return value
}
