import { CsvError, parse } from 'csv-parse/sync'
import {
  mergeLots,
  type ParsedParts,
  type Part,
  type Rejected,
  readQuantity,
  UnreadableParts,
} from './parts.ts'

type Column = 'part' | 'color' | 'quantity' | 'spare'

/** Header names of Rebrickable's exports through the years (2014: "Num"), and of its API dumps. */
const HEADERS: Readonly<Record<string, Column>> = {
  part: 'part',
  part_num: 'part',
  color: 'color',
  color_id: 'color',
  quantity: 'quantity',
  num: 'quantity',
  'is spare': 'spare',
  is_spare: 'spare',
}

/**
 * Reads Rebrickable's `Part,Color,Quantity[,Is Spare]`. Colours -1 (unknown) and 9999 (any) are valid.
 *
 * @throws UnreadableParts when it is no CSV, or a column is missing
 */
export function parseRebrickableCsv(text: string): ParsedParts {
  const [header, ...lines] = readCsv(text)
  const names = header?.record.map((name) => HEADERS[name.trim().toLowerCase()]) ?? []
  const missing = (['part', 'color', 'quantity'] as const).filter((name) => !names.includes(name))
  if (missing.length > 0) {
    const given = header ? `"${header.record.join(',')}"` : 'an empty file'
    throw new UnreadableParts(`The header must name Part, Color and Quantity, given ${given}`)
  }
  const parts: Part[] = []
  const rejected: Rejected[] = []
  for (const { record, info } of lines) {
    try {
      const part = readLine(names, record)
      if (part.quantity > 0) parts.push(part)
    } catch (error) {
      rejected.push({ at: info.lines, reason: (error as Error).message })
    }
  }
  return { parts: mergeLots(parts), rejected }
}

interface Line {
  readonly record: string[]
  readonly info: { readonly lines: number }
}

function readCsv(text: string): Line[] {
  try {
    return parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as Line[]
  } catch (error) {
    if (error instanceof CsvError) throw new UnreadableParts(`Not valid CSV: ${error.message}`)
    throw error
  }
}

function readLine(names: readonly (Column | undefined)[], record: string[]): Part {
  const field = (name: Column) => record[names.indexOf(name)]?.trim() ?? ''
  const part = field('part')
  if (part === '') throw new Error('Part is missing')
  const color = field('color')
  if (!/^-1$|^\d{1,4}$/.test(color)) {
    throw new Error(`Color must be a Rebrickable colour number, given "${color}"`)
  }
  const spare = field('spare').toLowerCase()
  if (!['', 'true', 'false', 't', 'f'].includes(spare)) {
    throw new Error(`Is Spare must be True or False, given "${field('spare')}"`)
  }
  return {
    part,
    color: Number(color),
    quantity: readQuantity(field('quantity'), 'Quantity'),
    spare: spare.startsWith('t'),
  }
}
