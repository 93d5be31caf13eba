import type { Columns, Field } from './columns.ts'
import { BadLine, type Colour, type IdSystem, type Line, lineOf, type Skipped } from './entry.ts'
import { readColour, readFlag, readQuantity, readText } from './values.ts'

export interface RowOptions {
  /** Whose numbers the columns `part` and `colour` have. */
  readonly ids: IdSystem
  /** Whether `colour` may be a colour's name. */
  readonly colourNames: boolean
}

/**
 * A line of what the columns of a row hold.
 *
 * @param cell what the row has in a column; undefined where it is shorter
 * @throws BadLine
 */
export function readRow<Key>(
  line: number,
  columns: Columns<Key>,
  cell: (key: Key) => string | undefined,
  { ids, colourNames }: RowOptions,
): Line | Skipped {
  const field = (name: Field) => {
    const key = columns.get(name)
    return key === undefined ? null : readText(cell(key), name)
  }
  const own = field('part')
  const bricklink = field('bricklink')
  const ldraw = field('ldraw')
  const element = field('element')
  const name = field('name')
  if (element !== null && !/^\d{1,9}$/.test(element)) {
    throw new BadLine('MISSING_ID', `An element id has up to 9 digits, given "${element}"`)
  }
  if ((own ?? bricklink ?? ldraw ?? element ?? name) === null) {
    throw new BadLine('MISSING_ID', 'The line names no part')
  }
  const quantity = field('quantity')
  if (quantity === null) throw new BadLine('BAD_QUANTITY', 'The quantity is missing')
  return lineOf({
    line,
    ids: {
      ...(own ? { [ids]: own } : {}),
      ...(bricklink ? { bricklink } : {}),
      ...(ldraw ? { ldraw } : {}),
    },
    element,
    colour: colourOf(field, ids, colourNames),
    quantity: readQuantity(quantity, 'Quantity'),
    spare: readFlag(field('spare') ?? '', 'Is Spare'),
    name,
  })
}

function colourOf(
  field: (name: Field) => string | null,
  ids: IdSystem,
  names: boolean,
): Colour | null {
  const own = field('colour')
  // Rebrickable's -1 is "unknown".
  const least = ids === 'rebrickable' ? -1 : 0
  if (own !== null && !(names && !/^-?\d+$/.test(own))) {
    return { system: ids, id: readColour(own, 'Colour', least) }
  }
  const bricklink = field('bricklinkColour')
  if (bricklink !== null) return { system: 'bricklink', id: readColour(bricklink, 'Colour') }
  const ldraw = field('ldrawColour')
  if (ldraw !== null) return { system: 'ldraw', id: readColour(ldraw, 'Colour') }
  const name = own ?? field('colourName')
  return name === null ? null : { system: 'name', name }
}
