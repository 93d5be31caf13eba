import { type ColumnMapping, type Columns, findColumns, missingIn } from './columns.ts'
import { csvRows } from './csv.ts'
import { type Entries, type Entry, entryOf, type IdSystem } from './entry.ts'
import { PartListRefused } from './refusal.ts'
import { readRow } from './row.ts'
import { short } from './values.ts'

export interface ColumnCsvOptions {
  readonly columns?: ColumnMapping
  /** Whose numbers parts and colours have; Rebrickable's when left out. */
  readonly ids?: IdSystem
  /** Whether colours may be written out. */
  readonly colourNames: boolean
}

/**
 * Any CSV with a header: the user names its columns, and what is commonly called so is recognised.
 * Rebrickable's lists, Pick a Brick's and LEGO.com's orders are such.
 *
 * @throws PartListRefused MISSING_COLUMNS
 */
export async function* readColumnCsv(
  text: AsyncIterable<string>,
  { columns: mapping, ids = 'rebrickable', colourNames }: ColumnCsvOptions,
): Entries {
  let columns: Columns<number> | null = null
  for await (const rows of csvRows(text)) {
    const entries: Entry[] = []
    for (const { line, cells } of rows) {
      if (!columns) columns = columnsOf(cells, line, mapping)
      else if (cells.some((cell) => cell.trim() !== '')) {
        const known = columns
        const cell = (at: number) => cells[at]
        entries.push(entryOf(line, () => readRow(line, known, cell, { ids, colourNames })))
      }
    }
    yield entries
  }
}

function columnsOf(
  headers: readonly string[],
  line: number,
  mapping?: ColumnMapping,
): Columns<number> {
  const columns = findColumns(
    headers.map((header, index) => [header, index] as const),
    mapping,
  )
  const missing = missingIn(columns, mapping)
  if (missing.length === 0) return columns
  throw new PartListRefused(
    'MISSING_COLUMNS',
    `The header "${short(headers.join(','))}" has no column ${missing.join(', ')}`,
    line,
  )
}
