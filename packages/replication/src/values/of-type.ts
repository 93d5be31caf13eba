import type { Queryable } from '@banyan/postgres'
import type { Column } from '../mapping.ts'
import { array, composite } from './containers.ts'
import { decimal } from './numbers.ts'
import { pick } from './random.ts'
import { SCALARS } from './scalars.ts'
import type { Make } from './structures.ts'

interface TypeRow {
  readonly kind: string
  readonly name: string
  readonly element: number | null
  readonly base: number
  readonly labels: string[] | null
  readonly fields: number[] | null
}

const TYPE = `
  SELECT t.typtype AS kind, format_type(t.oid, -1) AS name, t.typbasetype AS base,
         CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem END AS element,
         (SELECT array_agg(e.enumlabel::text) FROM pg_enum e WHERE e.enumtypid = t.oid) AS labels,
         (SELECT array_agg(a.atttypid ORDER BY a.attnum)::oid[]::int8[]::int4[] FROM pg_attribute a
           WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped) AS fields
    FROM pg_type t WHERE t.oid = $1`

/** What makes values of a column's type; null for a type that only its own extension knows. */
export async function makerOf(db: Queryable, column: Column): Promise<Make | null> {
  const make = await makerOfType(db, column.typeOid)
  if (column.baseType !== 'numeric' || column.typmod < 4 || !make) return make
  // As numeric_in unpacks it: most of what is made without a look at the digits would not fit.
  const precision = ((column.typmod - 4) >> 16) & 0xffff
  const scale = (column.typmod - 4) & 0x7ff
  const fitting: Make = (random) => decimal(random, Math.max(1, precision - scale), scale)
  return (random) => pick(random, [make, fitting])(random)
}

async function makerOfType(db: Queryable, oid: number): Promise<Make | null> {
  const type = (await db.query<TypeRow>(TYPE, [oid])).rows[0]
  if (!type) return null
  const { kind, element, labels, fields } = type
  if (kind === 'd') return makerOfType(db, type.base)
  if (labels) return (random) => pick(random, labels)
  if (element !== null) {
    const make = await makerOfType(db, element)
    return make && ((random) => array(random, make))
  }
  if (kind === 'c' && fields) {
    const makes: Make[] = []
    for (const field of fields) {
      const make = await makerOfType(db, field)
      if (!make) return null
      makes.push(make)
    }
    return (random) => composite(random, makes)
  }
  // A type of an extension is known by its name, whatever schema it is in.
  return SCALARS.get(type.name) ?? SCALARS.get(type.name.replace(/^.*\./, '')) ?? null
}
