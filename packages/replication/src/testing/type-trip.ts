import type { EmbeddedPostgres, Pool } from '@banyan/postgres'
import type { Link } from '../link.ts'
import { resolveTables } from '../mapping.ts'
import { createTripTable, readLines, type TripTable, tripTables } from './trip-table.ts'
import { createPair, own, type Pair } from './two-databases.ts'
import { makeValues, SETUP_SQL } from './type-values.ts'

export interface TripOptions {
  readonly server: EmbeddedPostgres
  /** Of the target; the same one when left out. */
  readonly targetServer?: EmbeddedPostgres
  readonly seed: number
  /** Values of each type. */
  readonly valuesPerType: number
  /** Only each so-manyth type as a primary key too, others by another seed; each by default. */
  readonly keysOneIn?: number
  print?(line: string): void
}

export interface TripReport {
  readonly types: number
  /** Values that went from the source to the target and, written anew there, back. */
  readonly values: number
  readonly mismatches: number
  readonly seed: number
  readonly byType: Readonly<Record<string, { values: number; mismatches: number }>>
  /** Types this server does not have. */
  readonly unavailable: readonly string[]
  /** The first of what differed, and whatever a stream complained of. */
  readonly findings: readonly string[]
}

const MOST_FINDINGS = 50
const PROBE_MS = 120_000

/**
 * Settings that a database may carry and that change how values look or are read: the two sides
 * differ in all of them, and none may show.
 */
const SETTINGS = {
  source: {
    DateStyle: 'German, DMY',
    IntervalStyle: 'sql_standard',
    extra_float_digits: '-5',
    bytea_output: 'escape',
    TimeZone: 'Asia/Kathmandu',
    xmloption: 'document',
    array_nulls: 'off',
  },
  target: {
    DateStyle: 'SQL, DMY',
    IntervalStyle: 'iso_8601',
    extra_float_digits: '0',
    TimeZone: 'America/St_Johns',
    standard_conforming_strings: 'off',
    quote_all_identifiers: 'on',
  },
} as const

function settingsSql(settings: Readonly<Record<string, string>>): string {
  const statements = Object.entries(settings).map(
    ([name, value]) =>
      `EXECUTE format('ALTER DATABASE %I SET ${name} = %L', current_database(), '${value}');`,
  )
  return `DO $$ BEGIN ${statements.join(' ')} END $$;`
}

/**
 * Carries generated values of every type from a source to a target through the copy and through the
 * stream (inserts, updates that leave large values alone, key updates, exchanged unique values), has
 * them all written anew on the target and carried back, and compares octets after each step.
 */
export async function typeTrip(options: TripOptions): Promise<TripReport> {
  const { server, targetServer, seed } = options
  const pair = await createPair(server, {
    source: SETUP_SQL + settingsSql(SETTINGS.source),
    target: SETUP_SQL + settingsSql(SETTINGS.target),
    tables: [],
    ...(targetServer ? { targetServer } : {}),
  })
  try {
    const { cases, unavailable } = await makeValues(pair.target, options.valuesPerType, seed)
    const trip = new Trip(pair, tripTables(cases, options.keysOneIn ?? 1, seed), options)
    await trip.run()
    return { ...trip.report(), unavailable }
  } catch (error) {
    const said = pair.problems.map((problem) => problem.message)
    throw new Error([(error as Error).message, ...said].join('\n'), { cause: error })
  } finally {
    await pair.close()
  }
}

class Trip {
  readonly #pair: Pair
  readonly #tables: readonly TripTable[]
  readonly #options: TripOptions
  readonly #mismatches = new Map<string, Set<string>>()
  readonly #findings: string[] = []

  constructor(pair: Pair, tables: readonly TripTable[], options: TripOptions) {
    this.#pair = pair
    this.#tables = tables
    this.#options = options
  }

  async run(): Promise<void> {
    const { source, target } = this.#pair
    for (const table of this.#tables) {
      await createTripTable(source, table)
      await createTripTable(target, table)
    }
    const specs = this.#tables.map((table) => table.spec)
    this.#pair.tables = await resolveTables(source, target, specs)
    await this.#each(source, 'beforeCopy')
    const forward = this.#pair.link('forward')
    await forward.prepare()
    forward.start()
    await Promise.all([forward.copy({ chunkRows: 50 }), this.#each(source, 'whileCopying')])
    await this.#arrived(forward, 'the copy')

    await this.#each(source, 'change')
    await this.#arrived(forward, 'the stream')

    const reverse = this.#pair.link('reverse')
    await reverse.prepare()
    reverse.start()
    await own(source, 'closed')
    await own(target, 'open')
    const before = await this.#lines(source)
    await this.#each(target, 'takeAway')
    await this.#arrived(reverse, 'taking the values away on the target')
    await this.#expectGone()
    await this.#each(target, 'putBack')
    await this.#arrived(reverse, 'putting the values back on the target')
    const after = await this.#lines(source)
    for (const [i, table] of this.#tables.entries()) {
      this.#compare(table, 'the way back, against before it', before[i]!, after[i]!)
    }
    await this.#each(target, 'changeThere')
    await this.#arrived(reverse, 'the reverse stream')
    for (const problem of this.#pair.problems) this.#find(`${problem.kind}: ${problem.message}`)
  }

  report(): Omit<TripReport, 'unavailable'> {
    const byType: Record<string, { values: number; mismatches: number }> = {}
    for (const { columns } of this.#tables) {
      for (const { type, values } of columns) {
        const before = byType[type.name]?.values ?? 0
        byType[type.name] = { values: before + values.length, mismatches: 0 }
      }
    }
    for (const [name, cells] of this.#mismatches) byType[name]!.mismatches = cells.size
    const all = Object.values(byType)
    return {
      types: all.length,
      values: all.reduce((sum, one) => sum + one.values, 0),
      // What a stream complained of counts too: a value may not have come at all.
      mismatches: all.reduce((sum, one) => sum + one.mismatches, 0) + this.#pair.problems.length,
      seed: this.#options.seed,
      byType,
      findings: this.#findings,
    }
  }

  async #each(db: Pool, step: keyof TripTable['steps']): Promise<void> {
    this.#options.print?.(step)
    for (const table of this.#tables) {
      for (const { text, values } of table.steps[step]) await db.query(text, values)
    }
  }

  async #arrived(link: Link, what: string): Promise<void> {
    await link.probe(PROBE_MS)
    const [here, there] = [
      await this.#lines(this.#pair.source),
      await this.#lines(this.#pair.target),
    ]
    for (const [i, table] of this.#tables.entries()) this.#compare(table, what, here[i]!, there[i]!)
  }

  async #lines(db: Pool): Promise<string[][]> {
    const all: string[][] = []
    for (const table of this.#tables) all.push(await readLines(db, table))
    return all
  }

  /** Without this a reverse stream that writes nothing would pass. */
  async #expectGone(): Promise<void> {
    for (const table of this.#tables) {
      const { rows } = await this.#pair.source.query<{ n: string }>(table.left)
      if (rows[0]!.n !== '0') {
        throw new Error(`${rows[0]!.n} values of ${table.name} are still on the source`)
      }
    }
  }

  /** Octets against octets; a line is one row, its fields as COPY writes them. */
  #compare(table: TripTable, what: string, here: string[], there: string[]): void {
    const rows = Math.max(here.length, there.length)
    if (here.length !== there.length) {
      this.#mismatch(table, 0, `${what}: ${here.length} rows here, ${there.length} there`, 'rows')
    }
    for (let row = 0; row < rows; row++) {
      if (here[row] === there[row]) continue
      const [mine, other] = [here[row]?.split('\t') ?? [], there[row]?.split('\t') ?? []]
      for (let i = 0; i < Math.max(mine.length, other.length); i++) {
        if (mine[i] === other[i]) continue
        const show = (field: string | undefined) =>
          field === undefined ? 'no row' : Buffer.from(field, 'latin1').toString().slice(0, 300)
        this.#mismatch(
          table,
          i,
          `${what}, row ${mine[0]}: ${show(mine[i])} became ${show(other[i])}`,
          `${mine[0]}`,
        )
      }
    }
  }

  #mismatch(table: TripTable, field: number, what: string, row: string): void {
    const column = table.columns[Math.max(0, field - table.before)] ?? table.columns[0]!
    const name = column.type.name
    const cells = this.#mismatches.get(name) ?? new Set()
    this.#mismatches.set(name, cells.add(`${table.name} ${row}`))
    this.#find(`${name} (${table.name}): ${what}`)
  }

  #find(what: string): void {
    if (this.#findings.length >= MOST_FINDINGS) return
    this.#findings.push(what)
    this.#options.print?.(what)
  }
}
