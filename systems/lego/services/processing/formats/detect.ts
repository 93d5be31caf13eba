import { findColumns } from './columns.ts'
import { PartListRefused } from './refusal.ts'

export const FORMATS = [
  'bricklink-xml',
  'brickstore',
  'rebrickable-csv',
  'studio-csv',
  'studio-io',
  'pick-a-brick-csv',
  'lego-json',
  'custom-csv',
  'ldcad-pbg',
] as const
export type Format = (typeof FORMATS)[number]

/** Bytes that are enough to know a file by. */
export const HEAD_BYTES = 4_096

/**
 * What a file is, by its content: names and media types are anybody's.
 *
 * @param head its first `HEAD_BYTES`, decoded; null for what is no text
 * @param mapped whether the user has named columns
 * @throws PartListRefused UNSUPPORTED_FORMAT
 */
export function detectFormat(bytes: Uint8Array, head: string, mapped: boolean): Format {
  if (Buffer.from(bytes.subarray(0, 4)).equals(Buffer.from('PK\x03\x04'))) return 'studio-io'
  const text = head.trimStart()
  if (text.startsWith('<')) return xmlFormat(text)
  if (/^\[options\]/i.test(text)) return 'ldcad-pbg'
  if (/^[[{]/.test(text)) return 'lego-json'
  if (mapped) return 'custom-csv'
  return csvFormat(text)
}

function xmlFormat(text: string): Format {
  const root = /<([A-Za-z_][\w.-]*)/.exec(text.replace(/<!--[\s\S]*?(-->|$)/g, ''))?.[1]
  if (root === 'BrickStoreXML' || root === 'BrickStockXML') return 'brickstore'
  // Also where the root was not found: what reads it says what it expected.
  if (root === undefined || root === 'INVENTORY' || /<!DOCTYPE/i.test(text)) return 'bricklink-xml'
  throw unsupported(`XML with the root ${root.slice(0, 60)}`)
}

function csvFormat(text: string): Format {
  const header = text.split(/\r|\n/, 1)[0]!
  const cells = header.split(/[,;\t]/).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'))
  const columns = findColumns(cells.map((name, at) => [name, at] as const))
  if (columns.has('bricklink') && columns.has('quantity') && /BLItemNo/i.test(header)) {
    return 'studio-csv'
  }
  if (cells.length < 2 || !columns.has('quantity')) throw unsupported(`"${header.slice(0, 60)}"`)
  if (cells.length === 2 && columns.has('element')) return 'pick-a-brick-csv'
  const rebrickable = /^(part|part_num),(color|color_id),(quantity|num)(,is[ _]spare)?$/i
  return rebrickable.test(cells.join(',')) ? 'rebrickable-csv' : 'custom-csv'
}

function unsupported(given: string): PartListRefused {
  return new PartListRefused(
    'UNSUPPORTED_FORMAT',
    `The file begins with ${given}; what can be read is ${FORMATS.join(', ')} (a CSV with a header: name its columns)`,
  )
}
