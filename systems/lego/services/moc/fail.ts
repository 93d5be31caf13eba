import { type Database, defineErrors, type Transaction } from '@banyan/service'
import type * as tables from './schema.ts'

/** The service's own database, in a transaction or not. */
export type Db = Database<typeof tables>
export type Tx = Transaction<typeof tables>

export const fail = defineErrors('moc', {
  UNKNOWN_REFERENCE: {
    status: 422,
    title: 'What is referred to is not there',
    detail: 'There is no gallery {kind} {ids}',
  },
  NO_INSTRUCTIONS: {
    status: 409,
    title: 'No instructions',
    detail: 'A complete MOC needs at least one instruction file',
  },
  NO_FILE: {
    status: 400,
    title: 'No file',
    detail: 'Send the file as "file" of a multipart/form-data body',
  },
  UNKNOWN_FORMAT: {
    status: 415,
    title: 'The format is not known',
    detail:
      'Name the file .xml (BrickLink) or .csv (Rebrickable), or send "format" as one of {formats}; given "{name}"',
  },
  UNREADABLE_PARTS_LIST: { status: 422, title: 'The file cannot be read', detail: '{reason}' },
  NO_PARTS: {
    status: 422,
    title: 'The file has no parts',
    detail: 'The file names no part that could be read',
  },
  TOO_MANY_PIECES: {
    status: 422,
    title: 'More pieces than can be counted',
    detail: 'A parts list, and a MOC, may have {most} pieces; this would be {pieces}',
  },
  TOO_MANY_ACQUIRED: {
    status: 409,
    title: 'More acquired than there are',
    detail: 'The list has {pieceCount} pieces, given acquiredCount {given}',
  },
})
