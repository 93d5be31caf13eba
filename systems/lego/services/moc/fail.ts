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
  FILES_NOT_SET_UP: {
    status: 503,
    title: 'Files cannot be sent along here',
    detail: 'No {setting} is set: create the MOC first, then add its files one by one',
  },
  UPLOAD_OF_UNKNOWN_LENGTH: {
    status: 411,
    title: 'The length is missing',
    detail: 'Send Content-Length: at most {most} bytes are taken',
  },
  UPLOAD_TOO_LARGE: {
    status: 413,
    title: 'The upload is too large',
    detail: 'At most {most} bytes are taken in one request, given {given}',
  },
  TOO_MANY_UPLOADS: {
    status: 503,
    title: 'Too many uploads at once',
    detail: 'Other uploads are under way; try again in a moment',
  },
  UNKNOWN_KIND: {
    status: 400,
    title: 'No such kind of file',
    detail: 'Name each file by its kind, one of {kinds}; given "{given}"',
  },
  PARTS_LIST_TOO_LARGE: {
    status: 413,
    title: 'The parts list is too large',
    detail: 'A parts list has at most {most} bytes; {name} has {given}',
  },
  TOO_MANY_CREATIONS: {
    status: 429,
    title: 'Too many at once',
    detail: '{most} MOCs of yours are being created; wait for one to end',
  },
  NO_ROOM: {
    status: 503,
    title: 'No room for more files now',
    detail: 'Too many files wait to be stored; try again later',
  },
  CREATION_REFUSED: { status: 422, title: 'The MOC was not created', detail: '{reason}' },
  CREATION_FAILED: {
    status: 503,
    title: 'The MOC was not created',
    detail: 'Nothing of it is left; try again later: {reason}',
  },
})
