import type { Pool } from '@banyan/postgres'
import { castText } from '../catalog.ts'
import { copyOut } from '../copy-wire.ts'
import type { TableSpec } from '../mapping.ts'
import type { CaseValues } from './type-values.ts'

interface Statement {
  readonly text: string
  readonly values?: unknown[]
}

/** A table of the trip, and what happens to it at each station. */
export interface TripTable {
  readonly name: string
  readonly columns: readonly CaseValues[]
  /** Fields of a line before the first of `columns`. */
  readonly before: number
  readonly create: readonly string[]
  readonly spec: TableSpec
  /** Lines in an order that both sides share. */
  readonly select: string
  /** Counts what is left after `takeAway`. */
  readonly left: string
  readonly steps: Readonly<
    Record<
      'beforeCopy' | 'whileCopying' | 'change' | 'takeAway' | 'putBack' | 'changeThere',
      readonly Statement[]
    >
  >
}

/** Few enough that a row with one large value stays quick, many enough for few tables. */
const COLUMNS = 8
/** Longer ones do not fit into an index. */
const KEY_OCTETS = 500
const KEYS = 60

export function tripTables(
  cases: readonly CaseValues[],
  keysOneIn: number,
  seed: number,
): TripTable[] {
  const wide: TripTable[] = []
  for (let i = 0; i < cases.length; i += COLUMNS) {
    wide.push(wideTable(wide.length, cases.slice(i, i + COLUMNS)))
  }
  const keys = cases.filter((one) => one.sortable).filter((_, i) => (i + seed) % keysOneIn === 0)
  return [...wide, ...keys.map((one, i) => keyTable(i, one))]
}

export async function createTripTable(db: Pool, table: TripTable): Promise<void> {
  for (const statement of table.create) await db.query(statement)
}

/** Each row as COPY prints it, octets as characters. */
export async function readLines(db: Pool, table: TripTable): Promise<string[]> {
  const client = await db.connect()
  try {
    const { blocks } = await copyOut(client, `COPY (${table.select}) TO STDOUT`)
    return Buffer.concat(blocks).toString('latin1').split('\n').slice(0, -1).sort()
  } finally {
    client.release()
  }
}

/** Values as columns of one table, beside a key that moves, a number that changes and a unique place. */
function wideTable(n: number, columns: readonly CaseValues[]): TripTable {
  const name = `public.wide_${n}`
  const names = columns.map((_, i) => `v${i}`)
  const count = Math.max(...columns.map((column) => column.values.length))
  const half = Math.floor(count / 2)
  const insert = (from: number, to: number): Statement => ({
    text: `INSERT INTO ${name} (id, owner, touched, place, ${names.join(', ')})
      SELECT u.n + ${from}, 'u' || u.n % 50, 0, u.n + ${from}, ${columns.map((column, i) => castText(`u.v${i}`, column.type.type)).join(', ')}
        FROM unnest(${names.map((_, i) => `$${i + 1}::text[]`).join(', ')}) WITH ORDINALITY AS u(${names.join(', ')}, n)`,
    values: columns.map((column) => column.values.slice(from, to)),
  })
  const set = (other: string) => names.map((value) => `${value} = ${other}.${value}`).join(', ')
  const borrow = (condition: string): Statement => ({
    text: `UPDATE ${name} AS t SET ${set('o')} FROM ${name} AS o WHERE o.place = t.place + 1 AND ${condition}`,
  })
  const touch = (condition: string) => ({
    text: `UPDATE ${name} SET touched = touched + 1 WHERE ${condition}`,
  })
  const move = (by: number, condition: string) => ({
    text: `UPDATE ${name} SET id = id + ${by} WHERE ${condition}`,
  })
  const exchange = (a: number, b: number) => ({
    text: `BEGIN; UPDATE ${name} SET place = -1 WHERE place = ${a}; UPDATE ${name} SET place = ${a} WHERE place = ${b};
      UPDATE ${name} SET place = ${b} WHERE place = -1; COMMIT`,
  })
  const kept = `public.kept_${n}`
  const plain = n % 3 !== 1
  const all = ['id', 'owner', 'touched', 'place', ...names]
  return {
    name,
    columns,
    before: 4,
    create: [
      `CREATE TABLE ${name} (id int8 PRIMARY KEY, owner text, touched int, place int UNIQUE,
        ${columns.map((column, i) => `v${i} ${column.type.type}`).join(', ')})`,
      ...(n % 2 === 1 ? [`ALTER TABLE ${name} REPLICA IDENTITY FULL`] : []),
    ],
    spec: {
      source: name,
      target: name,
      owner: 'owner',
      // A computed column takes the copy's other way, through a staging table.
      ...(plain
        ? {}
        : {
            forward: {
              ...Object.fromEntries(all.map((column) => [column, column])),
              touched: { from: ['touched'], sql: 'touched' },
            },
            backward: { touched: { from: ['touched'], sql: 'touched' } },
          }),
    },
    select: `SELECT ${all.join(', ')} FROM ${name}`,
    left: `SELECT count(*) AS n FROM ${name} WHERE num_nonnulls(${names.join(', ')}) > 0`,
    steps: {
      beforeCopy: [insert(0, half)],
      whileCopying: [touch('id % 3 = 0'), borrow('t.id % 10 = 1'), move(2_000_000, 'id % 19 = 0')],
      change: [
        insert(half, count),
        touch('id % 2 = 0'),
        move(1_000_000, 'id % 7 = 0'),
        borrow('t.id % 13 = 2'),
        exchange(3, 4),
        exchange(5, half + 2),
      ],
      takeAway: [
        { text: `CREATE TABLE ${kept} AS SELECT * FROM ${name}` },
        { text: `DELETE FROM ${name} WHERE id % 2 = 0` },
        { text: `UPDATE ${name} SET ${names.map((value) => `${value} = NULL`).join(', ')}` },
      ],
      putBack: [
        { text: `INSERT INTO ${name} SELECT * FROM ${kept} WHERE id % 2 = 0` },
        {
          text: `UPDATE ${name} AS t SET ${set('k')} FROM ${kept} AS k WHERE k.id = t.id AND t.id % 2 = 1`,
        },
      ],
      changeThere: [
        touch('id % 2 = 1'),
        move(4_000_000, 'id % 5 = 0'),
        borrow('t.id % 17 = 1'),
        exchange(1, 6),
      ],
    },
  }
}

/** Values as keys: found, ordered, moved and deleted by what they are. */
function keyTable(n: number, column: CaseValues): TripTable {
  const name = `public.key_${n}`
  const short = column.values.filter((value) => Buffer.byteLength(value) < KEY_OCTETS)
  const values = [...new Set(short)].slice(0, KEYS)
  const third = Math.ceil(values.length / 3)
  const { type } = column.type
  const insert = (from: number, to: number): Statement => ({
    text: `INSERT INTO ${name} SELECT ${castText('v', type)}, 0, 'u' FROM unnest($1::text[]) v ON CONFLICT DO NOTHING`,
    values: [values.slice(from, to)],
  })
  // Every other row takes the next free value. No operator is named: those of an extension are not found.
  const move = (from: number): Statement => ({
    text: `UPDATE ${name} AS t SET k = f.v FROM
        (SELECT ctid AS row, row_number() OVER (ORDER BY k) AS n FROM ${name}) AS r,
        (SELECT v, row_number() OVER (ORDER BY v) AS n FROM
          (SELECT ${castText('v', type)} AS v FROM unnest($1::text[]) v EXCEPT SELECT k FROM ${name}) AS d) AS f
      WHERE t.ctid = r.row AND r.n % 2 = 0 AND f.n = r.n / 2`,
    values: [values.slice(from)],
  })
  const kept = `public.kept_key_${n}`
  return {
    name,
    columns: [{ ...column, values }],
    before: 0,
    create: [`CREATE TABLE ${name} (k ${type} PRIMARY KEY, n int, owner text)`],
    spec: { source: name, target: name, owner: 'owner' },
    select: `SELECT k, n FROM ${name}`,
    left: `SELECT count(*) AS n FROM ${name}`,
    steps: {
      beforeCopy: [insert(0, third)],
      whileCopying: [{ text: `UPDATE ${name} SET n = n + 1` }],
      change: [insert(third, 2 * third), move(2 * third), { text: `UPDATE ${name} SET n = n + 1` }],
      takeAway: [
        { text: `CREATE TABLE ${kept} AS SELECT * FROM ${name}` },
        { text: `DELETE FROM ${name}` },
      ],
      putBack: [{ text: `INSERT INTO ${name} SELECT * FROM ${kept}` }],
      changeThere: [move(0), { text: `UPDATE ${name} SET n = n + 1` }],
    },
  }
}
