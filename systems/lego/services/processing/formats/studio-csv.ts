import { type Columns, findColumns } from './columns.ts'
import { csvRows } from './csv.ts'
import { type Entries, type Entry, entryOf } from './entry.ts'
import { PartListRefused } from './refusal.ts'
import { readRow } from './row.ts'
import { readQuantity, short } from './values.ts'

/**
 * BrickLink Studio's CSV. Below the parts stands `Total qty,Total Weight` with the totals: no parts,
 * but a checksum.
 *
 * @throws PartListRefused MISSING_COLUMNS
 */
export async function* readStudioCsv(text: AsyncIterable<string>): Entries {
  let columns: Columns<number> | null = null
  let footer = false
  for await (const rows of csvRows(text)) {
    const entries: Entry[] = []
    for (const { line, cells } of rows) {
      if (!columns) columns = columnsOf(cells, line)
      else if (footer) {
        const total = () => readQuantity(cells[0] ?? '', 'Total qty')
        entries.push(entryOf(line, () => ({ kind: 'checksum', pieces: total() })))
        yield entries
        return
      } else if (cells[0]?.trim() === 'Total qty') footer = true
      else if (cells.some((cell) => cell.trim() !== '')) {
        const known = columns
        const options = { ids: 'bricklink', colourNames: false } as const
        entries.push(entryOf(line, () => readRow(line, known, (at) => cells[at], options)))
      }
    }
    yield entries
  }
}

function columnsOf(headers: readonly string[], line: number): Columns<number> {
  const columns = findColumns(headers.map((header, index) => [header, index] as const))
  if (columns.has('bricklink') && columns.has('quantity')) return columns
  throw new PartListRefused(
    'MISSING_COLUMNS',
    `Studio's header has BLItemNo and Qty, given "${short(headers.join(','))}"`,
    line,
  )
}
