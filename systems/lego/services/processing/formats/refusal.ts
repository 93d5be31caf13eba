/** Why a whole file is refused. */
export type RefusalCode =
  | 'EMPTY_FILE'
  | 'FILE_TOO_LARGE'
  | 'TOO_MANY_LOTS'
  | 'UNSUPPORTED_FORMAT'
  | 'BAD_ENCODING'
  | 'BAD_XML'
  | 'XML_DTD'
  | 'XML_TOO_DEEP'
  | 'XML_TOKEN_TOO_LARGE'
  | 'BAD_CSV'
  | 'MISSING_COLUMNS'
  | 'BAD_JSON'
  | 'BAD_ARCHIVE'
  | 'ARCHIVE_TOO_LARGE'
  | 'BAD_MODEL'

/** A file that cannot be read as a whole; its message says what was given and what is allowed. */
export class PartListRefused extends Error {
  readonly code: RefusalCode
  /** 1-based; null where no line is to blame. */
  readonly line: number | null

  constructor(code: RefusalCode, message: string, line: number | null = null) {
    super(line === null ? message : `Line ${line}: ${message}`)
    this.name = 'PartListRefused'
    this.code = code
    this.line = line
  }
}
