import { fail } from '../fail.ts'
import type { Upload } from '../upload.ts'
import { parseBrickLinkXml } from './bricklink-xml.ts'
import { FORMATS, type Format, type ParsedParts, UnreadableParts } from './parts.ts'
import { parseRebrickableCsv } from './rebrickable-csv.ts'

const READERS: Readonly<Record<Format, (text: string) => ParsedParts>> = {
  'bricklink-xml': parseBrickLinkXml,
  'rebrickable-csv': parseRebrickableCsv,
}

/** What an upload is by its name. @throws ServiceError UNKNOWN_FORMAT */
export function guessFormat({ name }: Upload): Format {
  if (/\.xml$/i.test(name)) return 'bricklink-xml'
  if (/\.csv$/i.test(name)) return 'rebrickable-csv'
  throw fail('UNKNOWN_FORMAT', { formats: FORMATS.join(', '), name })
}

/** @throws ServiceError UNREADABLE_PARTS_LIST, NO_PARTS */
export function readParts(format: Format, { content }: Upload): ParsedParts {
  let parsed: ParsedParts
  try {
    parsed = READERS[format](content.toString('utf8'))
  } catch (error) {
    if (!(error instanceof UnreadableParts)) throw error
    throw fail('UNREADABLE_PARTS_LIST', { reason: error.message })
  }
  if (parsed.parts.length === 0) throw fail('NO_PARTS', { details: parsed.rejected })
  return parsed
}
