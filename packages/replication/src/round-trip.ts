import { BanyanError } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import { castText, literal, quoteIdent } from './catalog.ts'
import { evaluate } from './evaluate.ts'
import { columnOf, computedSql, type Row } from './flow.ts'
import type { ColumnExpr, ResolvedTable } from './mapping.ts'
import { tableName } from './part.ts'
import { conditionsOf, sampleRows } from './round-trip-rows.ts'
import { makeCandidates } from './round-trip-values.ts'
import { randomFrom } from './values/random.ts'

/** A value of a source column that the target does not give back. */
export interface Loss {
  readonly column: string
  /** Whether it was made up or stands in a row of the source. */
  readonly of: 'a generated value' | 'a row'
  /** Shortened; of a row's value only what kind of characters it has. */
  readonly value: string
  /** Likewise; or what the database said. */
  readonly cameBack: string
}

export interface RoundTrip {
  readonly table: string
  /** Source columns that were tried: all that do not pass as they are. */
  readonly columns: readonly string[]
  /** Made-up rows that were tried. */
  readonly generated: number
  /** Rows of the source that were tried. */
  readonly sampled: number
  /** One a column, a row's before a generated value's. */
  readonly losses: readonly Loss[]
}

export interface RoundTripOptions {
  /** Rows of the source a table at most; 500 by default. */
  readonly sampleRows?: number
  readonly seed?: number
}

const SAMPLE_ROWS = 500

/** A source column, and what it depends on there and back. */
interface Way {
  readonly column: string
  readonly inputs: readonly string[]
  readonly between: readonly string[]
  readonly back: ColumnExpr
  readonly forward: readonly ColumnExpr[]
  /** Instead of the value: whether the row is seen on the way back at all. */
  readonly exists?: string
}

/**
 * Sends values through `forward` on the target and `backward` on the source, without writing any, and
 * looks whether each comes back as it was, as text: made-up values of the columns' types (NULL, what
 * breaks parsers, what the expressions and CHECK constraints name), and a sample of real rows.
 */
export async function proveRoundTrips(
  source: Pool,
  target: Pool,
  tables: readonly ResolvedTable[],
  options: RoundTripOptions = {},
): Promise<RoundTrip[]> {
  const trips: RoundTrip[] = []
  for (const table of tables) {
    const ways = waysOf(table)
    const whether = wayOfExistence(table)
    const all = whether ? [...ways, whether] : ways
    const wanted = [...new Set(all.flatMap((way) => way.inputs))]
    const sample = await sampleRows(source, table, wanted, options.sampleRows ?? SAMPLE_ROWS)
    const losses: Loss[] = []
    let generated = 0
    for (const way of all) {
      const places = way.inputs.map((name) => wanted.indexOf(name))
      const rows = sample.map((row) => places.map((i) => row[i]))
      const lost = await tryRows(source, target, table, way, rows, true)
      const made = await makeRows(source, table, way, options.seed ?? 1)
      generated += made.length
      const loss = lost ?? (await tryRows(source, target, table, way, made, false))
      if (loss) losses.push(loss)
    }
    trips.push({
      table: tableName(table.spec),
      columns: [...new Set(all.map((way) => way.column))],
      generated,
      sampled: all.length > 0 ? sample.length : 0,
      losses,
    })
  }
  return trips
}

/**
 * Refuses a plan that loses a value without saying so.
 *
 * @throws BanyanError `BAD_PLAN` naming table, column, the value and what came back.
 */
export function refuseLosses(tables: readonly ResolvedTable[], trips: readonly RoundTrip[]): void {
  for (const trip of trips) {
    const { spec } = tables.find((table) => tableName(table.spec) === trip.table)!
    for (const loss of trip.losses) {
      if (spec.oneWay && loss.column in spec.oneWay) continue
      throw new BanyanError('BAD_PLAN', {
        where: `table ${trip.table}, column "${loss.column}"`,
        reason: `${describeLoss(loss)}. Correct "forward" or "backward"; or say under "holds" which values there are; or declare under "oneWay" why a rollback may lose it`,
      })
    }
  }
}

/** A loss in words, without the name of its column. */
export function describeLoss(loss: Loss): string {
  return `${loss.of}, ${loss.value}, does not survive the way to the target and back: ${loss.cameBack}`
}

function waysOf(table: ResolvedTable): Way[] {
  const { source, target } = table
  return table.backward.flatMap((back) => {
    const forward = table.forward.filter((expr) => back.from.includes(expr.column))
    const inputs = [...new Set([back.column, ...forward.flatMap((expr) => expr.from)])]
    const type = columnOf(source, back.column).type
    const asItIs =
      back.sql === null &&
      forward.every((expr) => expr.sql === null && columnOf(target, expr.column).type === type)
    return asItIs && forward.length > 0
      ? []
      : [{ column: back.column, inputs, between: back.from, back, forward }]
  })
}

/** A part that goes into another table's row comes back where its condition says that it is there. */
function wayOfExistence(table: ResolvedTable): Way | null {
  const { part } = table.spec
  if (part?.of !== 'target' || !part.where) return null
  const forward = table.forward.filter((expr) => part.where!.from.includes(expr.column))
  const inputs = [...new Set(forward.flatMap((expr) => expr.from))]
  const [column] = table.source.key
  const back = { column: column!, from: [], sql: null }
  return {
    column: column!,
    inputs,
    between: part.where.from,
    back,
    forward,
    exists: part.where.sql,
  }
}

async function makeRows(db: Pool, table: ResolvedTable, way: Way, seed: number): Promise<Row[]> {
  const conditions = await conditionsOf(db, table, way.inputs)
  const texts = [
    ...way.forward.map((expr) => expr.sql ?? ''),
    way.back.sql ?? '',
    ...conditions,
    ...(table.spec.holds ?? []),
  ]
  const rows = await makeCandidates(db, table, way.inputs, texts, randomFrom(seed))
  const typed = way.inputs.map((name, i) => castText(`u.c${i}`, columnOf(table.source, name).type))
  const printed = (await evaluate(db, typed, rows)).flatMap((row) =>
    row instanceof Error ? [] : [row],
  )
  if (conditions.length === 0) return printed
  const input = typed.map((sql, i) => `${sql} AS ${quoteIdent(way.inputs[i]!)}`).join(', ')
  const holds = conditions.map((condition) => `(${condition}) IS NOT FALSE`).join(' AND ')
  const kept = await evaluate(db, [`(SELECT ${holds} FROM (SELECT ${input}) AS input)`], printed)
  return printed.filter((_, i) => !(kept[i] instanceof Error) && (kept[i] as Row)[0] === 't')
}

/** The first row whose column does not come back; null when all do. */
async function tryRows(
  source: Pool,
  target: Pool,
  table: ResolvedTable,
  way: Way,
  rows: readonly Row[],
  real: boolean,
): Promise<Loss | null> {
  const out = way.between.map((name) => {
    const expr = way.forward.find((one) => one.column === name)
    const { type } = columnOf(table.target, name)
    // A column that nothing fills holds what the service puts there, if anything.
    return expr ? `(${computedSql(expr, table.source, table.target, way.inputs)})::${type}` : 'NULL'
  })
  if (way.exists !== undefined) return tryExistence(target, way, out, rows, real)
  const there = await evaluate(target, out, rows)
  const carried = there.flatMap((row, i) => (row instanceof Error ? [] : [{ i, row }]))
  const { type } = columnOf(table.source, way.column)
  const backSql = `(${computedSql(way.back, table.target, table.source, way.between)})::${type}`
  const back = new Map(
    (
      await evaluate(
        source,
        [backSql],
        carried.map(({ row }) => row),
      )
    ).map((row, n) => [carried[n]!.i, row]),
  )
  const place = way.inputs.indexOf(way.column)
  for (const [i, row] of rows.entries()) {
    const answer = there[i] instanceof Error ? there[i] : back.get(i)!
    const value = row[place] ?? null
    if (!(answer instanceof Error) && answer[0] === value) continue
    const show = real ? redacted : shortened
    return {
      column: way.column,
      of: real ? 'a row' : 'a generated value',
      value: show(value),
      cameBack:
        answer instanceof Error
          ? real
            ? 'the database refuses it'
            : answer.message
          : `it comes back as ${show(answer[0] ?? null)}`,
    }
  }
  return null
}

async function tryExistence(
  target: Pool,
  way: Way,
  out: readonly string[],
  rows: readonly Row[],
  real: boolean,
): Promise<Loss | null> {
  const input = out.map((sql, i) => `${sql} AS ${quoteIdent(way.between[i]!)}`).join(', ')
  const seen = await evaluate(
    target,
    [`(SELECT (${way.exists}) FROM (SELECT ${input}) AS input)`],
    rows,
  )
  for (const [i, row] of rows.entries()) {
    const answer = seen[i]!
    // What cannot be carried is told of its own column.
    if (answer instanceof Error || answer[0] === 't') continue
    const show = real ? redacted : shortened
    const values = way.inputs.map((name, n) => `${name} ${show(row[n] ?? null)}`)
    return {
      column: way.column,
      of: real ? 'a row' : 'a generated value',
      value: `with ${values.join(', ')}`,
      cameBack: 'the condition of its part does not hold for it, so the whole row is gone',
    }
  }
  return null
}

const MOST_SHOWN = 60

function shortened(value: string | null): string {
  if (value === null) return 'NULL'
  return value.length <= MOST_SHOWN ? literal(value) : `${literal(value.slice(0, MOST_SHOWN))}…`
}

/** Real values may be anybody's: letters become a, digits 0. */
function redacted(value: string | null): string {
  if (value === null) return 'NULL'
  const shape = value.slice(0, MOST_SHOWN).replace(/\p{L}/gu, 'a').replace(/\p{N}/gu, '0')
  return `of the shape ${shortened(shape)}${value.length > MOST_SHOWN ? '…' : ''}`
}
