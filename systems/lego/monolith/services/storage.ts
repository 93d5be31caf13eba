import { HttpError } from '../http/errors.ts'
import type { Upload } from '../mocs/upload.ts'
import { ServiceAway, type ServiceCaller, ServiceRefused } from './caller.ts'
import type { Tallies } from './tallies.ts'

/** For a file to be stored and scanned, ms; then it is kept here alone. */
const STORE_MS = 10_000
const DELETE_MS = 3_000
/** Told apart by whoever calls; the others are shown as what was not valid. */
const OWN_WORDS = ['QUOTA_EXCEEDED', 'FILE_INFECTED', 'FILE_UNSCANNABLE']

/** Files at the File Storage Service, beside the copy that this application keeps. */
export class Storage {
  readonly #service: ServiceCaller
  readonly #tallies: Tallies

  constructor(service: ServiceCaller, tallies: Tallies) {
    this.#service = service
    this.#tallies = tallies
  }

  /**
   * Stores a file under an id of ours, scanned. Where the service is away the file is kept here alone, and
   * is brought over later.
   *
   * @returns whether it is stored there
   * @throws HttpError where it will not have the file: malware, no room
   */
  async keep(id: string, ownerId: string, { name, mimeType, content }: Upload): Promise<boolean> {
    const query = new URLSearchParams({
      ...{ ownerId, prefix: 'mocs', fileId: id },
      // It takes names and types that are safe to give out; here they were anything.
      fileName: name.replace(/[/\\\p{Cc}\p{Surrogate}]/gu, '_') || 'file',
      contentType: /^[\w.+-]+\/[\w.+-]+$/.test(mimeType) ? mimeType : 'application/octet-stream',
    })
    try {
      await this.#service.call('POST', `/internal/v1/upload?${query}`, STORE_MS, content)
      this.#tallies.stored('storage', 'asked')
      return true
    } catch (error) {
      if (error instanceof ServiceRefused) {
        const { status, code, message } = error
        throw new HttpError(status, OWN_WORDS.includes(code) ? code : 'FILE_REFUSED', message)
      }
      if (!(error instanceof ServiceAway)) throw error
      this.#tallies.stored('monolith', 'away')
      warn('a file is kept here alone', error)
      return false
    }
  }

  /** Deletes what is not kept here any more. Failing is told and no more: what is left is found later. */
  async forget(fileIds: readonly string[]): Promise<void> {
    if (fileIds.length === 0) return
    try {
      await this.#service.call('POST', '/internal/v1/files/delete', DELETE_MS, { fileIds })
    } catch (error) {
      warn('files are left in the storage', error as Error)
    }
  }
}

function warn(what: string, { message }: Error): void {
  console.error(JSON.stringify({ level: 'warn', what, message }))
}
