import { HttpError } from '../http/errors.ts'
import type { ReadList } from '../services/processing.ts'
import type { Services } from '../services/services.ts'
import { parseBrickLinkXml } from './bricklink-xml.ts'
import { PARTS_FORMATS, type ParsedParts, type PartsFormat, UnreadableParts } from './parts.ts'
import { parseRebrickableCsv } from './rebrickable-csv.ts'
import type { Upload } from './upload.ts'

/**
 * Reads a parts list: Processing does where it is set, knows the format and answers; else this application
 * does, inside the request.
 *
 * @throws HttpError UNKNOWN_FORMAT, UNREADABLE_PARTS_LIST, NO_PARTS
 */
export async function readParts(
  { processing, tallies }: Services,
  userId: string,
  upload: Upload,
  given: PartsFormat | undefined,
): Promise<ReadList> {
  const read = processing ? await processing.read(userId, upload, given) : { why: 'off' as const }
  if ('parts' in read) {
    tallies.read('processing', 'asked')
    return withParts(read)
  }
  tallies.read('monolith', read.why)
  const format = given ?? guessFormat(upload)
  return withParts({ format, ...parse(format, upload) })
}

function withParts(list: ReadList): ReadList {
  if (list.parts.length > 0) return list
  throw new HttpError(422, 'NO_PARTS', 'The file names no part that could be read', list.rejected)
}

function guessFormat(upload: Upload): PartsFormat {
  if (/\.xml$/i.test(upload.name)) return 'bricklink-xml'
  if (/\.csv$/i.test(upload.name)) return 'rebrickable-csv'
  throw new HttpError(
    415,
    'UNKNOWN_FORMAT',
    `Name the file .xml (BrickLink) or .csv (Rebrickable), or send "format" as one of ${PARTS_FORMATS.join(', ')}; given "${upload.name}"`,
  )
}

function parse(format: PartsFormat, upload: Upload): ParsedParts {
  const text = upload.content.toString('utf8')
  try {
    return format === 'bricklink-xml' ? parseBrickLinkXml(text) : parseRebrickableCsv(text)
  } catch (error) {
    if (!(error instanceof UnreadableParts)) throw error
    throw new HttpError(422, 'UNREADABLE_PARTS_LIST', error.message)
  }
}
