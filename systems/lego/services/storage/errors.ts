import { defineErrors } from '@banyan/service'

/** What this service refuses in words of its own. */
export const fail = defineErrors('storage', {
  QUOTA_EXCEEDED: {
    status: 413,
    title: 'The user has no room for the file',
    detail:
      '{needed} bytes are needed, {used} of {quota} are taken. Delete files, or ask for more.',
  },
  FILE_INFECTED: {
    status: 422,
    title: 'The file carries malware',
    detail: 'The scanner found {finding}; nothing was stored.',
  },
  FILE_UNSCANNABLE: {
    status: 422,
    title: 'The file cannot be scanned',
    detail: 'The scanner says: {finding}. Nothing was stored.',
  },
  SCANNER_AWAY: {
    status: 503,
    title: 'The virus scanner does not answer',
    detail: 'Nothing was stored, since nothing is stored that was not scanned. Try again.',
  },
  UPLOAD_RUNNING: {
    status: 409,
    title: 'The file is being uploaded already',
    detail: 'File {fileId} is being uploaded by another request. Ask again in a moment.',
  },
  UPLOAD_EXPIRED: {
    status: 503,
    title: 'The upload took too long',
    detail: 'It had {limitMs} ms; nothing was stored. Try again.',
  },
  FILE_ID_TAKEN: {
    status: 409,
    title: 'The file id belongs to another file',
    detail: 'File {fileId} is of another owner or prefix. Take a new id for a new file.',
  },
  FILE_GONE: {
    status: 410,
    title: 'The file was deleted',
    detail: 'File {fileId} was deleted; its id is not used again.',
  },
  NO_WATERMARK: {
    status: 422,
    title: 'There is no watermark',
    detail: 'WATERMARK_FILE of the service is not set. Upload without "watermark".',
  },
})
