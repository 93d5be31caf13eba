import type { Pool } from '@banyan/postgres'
import { mayPass } from './failures.ts'
import { columnOf, type Row } from './flow.ts'
import type { ResolvedTable } from './mapping.ts'
import { makerOf } from './values/of-type.ts'
import { pick, type Random } from './values/random.ts'
import { AWKWARD_TEXTS } from './values/texts.ts'

/** Tried for every column; what a type cannot read is left out. */
const EDGES = [
  ...AWKWARD_TEXTS,
  'NaN',
  'Infinity',
  '-Infinity',
  '-infinity',
  '-0',
  '1',
  'empty',
  'f',
]
const VALUES = 200
const ROWS = 400

/**
 * Rows to try: every value of every column at least once. Not all of them are readable by the
 * column's type.
 *
 * @param texts SQL whose literals are values that matter: a CASE and a CHECK name their catalogue.
 */
export async function makeCandidates(
  db: Pool,
  table: ResolvedTable,
  inputs: readonly string[],
  texts: readonly string[],
  random: Random,
): Promise<Row[]> {
  const named = texts.flatMap(literalsOf)
  const columns: (string | null)[][] = []
  for (const name of inputs) {
    const column = columnOf(table.source, name)
    const make = await makerOf(db, column)
    const made = make ? Array.from({ length: VALUES }, () => make(random)) : []
    const read = await readable(db, [...named, ...EDGES], column.type)
    const values = [...new Set<string | null>([...read, ...made])]
    columns.push(column.notNull ? values : [null, ...values])
  }
  if (columns.some((values) => values.length === 0)) return []
  const count = Math.max(ROWS, ...columns.map((values) => values.length))
  return Array.from({ length: count }, (_, i) =>
    columns.map((values) => (i < values.length ? values[i]! : pick(random, values))),
  )
}

/** Servers before 16 cannot tell: there what is not readable is found when it is read. */
async function readable(db: Pool, values: readonly string[], type: string): Promise<string[]> {
  try {
    const { rows } = await db.query<{ v: string }>(
      'SELECT v FROM unnest($1::text[]) v WHERE pg_input_is_valid(v, $2)',
      [values, type],
    )
    return rows.map((row) => row.v)
  } catch (error) {
    if (mayPass(error)) throw error
    return [...values]
  }
}

function literalsOf(sql: string): string[] {
  return [
    ...[...sql.matchAll(/'((?:[^']|'')*)'/g)].map((match) => match[1]!.replaceAll("''", "'")),
    ...[...sql.matchAll(/\b\d+(?:\.\d+)?\b/g)].map((match) => match[0]),
  ]
}
