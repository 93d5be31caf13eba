import { Failure } from '../api/failure.ts'
import { watch } from '../api/polling.ts'
import { ask, newId } from '../api/request.ts'
import type { AddedPartsList, Creation, FileKind, Moc } from '../api/types.ts'
import { upload } from '../api/upload.ts'

export interface FileToSend {
  readonly file: File
  readonly kind: FileKind
}

/** How far it has come; `share` is null where nobody knows. */
export interface Stage {
  readonly what: string
  readonly share: number | null
}

/** What came of a file that did not go as wished. */
export interface FileProblem {
  readonly fileName: string
  readonly error: unknown
}

export interface CreatedMoc {
  readonly id: string
  /** The MOC stands; these of its files do not, or not whole. */
  readonly problems: readonly FileProblem[]
}

export interface Creating {
  readonly signal: AbortSignal
  onStage(stage: Stage): void
}

/** Longer than the service tries by itself, ms. */
const PATIENCE_MS = 180_000

/**
 * Creates a MOC and brings its files: at once where the service takes both together, which keeps nothing when a file is
 * refused; else one after the other.
 *
 * @throws Failure when there is no MOC; a DOMException named AbortError
 */
export async function createMoc(
  wanted: object,
  files: readonly FileToSend[],
  creating: Creating,
): Promise<CreatedMoc> {
  if (files.length === 0) {
    const { id } = await ask<Moc>('POST', '/api/mocs', wanted)
    return { id, problems: [] }
  }
  return (await takesForms())
    ? createTogether(wanted, files, creating)
    : createApart(wanted, files, creating)
}

/**
 * Whether a MOC can be sent together with its files here. Asked with an empty form, so that nobody sends 25 MB to hear
 * that they are not taken.
 */
async function takesForms(): Promise<boolean> {
  try {
    await ask('POST', '/api/mocs/with-files')
    return true
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    // The monolith has no such route; a service that was not told where files are stored answers 503.
    return error.status !== 404 && error.status !== 503
  }
}

async function createTogether(
  wanted: object,
  files: readonly FileToSend[],
  { signal, onStage }: Creating,
): Promise<CreatedMoc> {
  const form = new FormData()
  form.set('metadata', JSON.stringify(wanted))
  for (const { kind, file } of files) form.append(kind, file)
  const { mocId } = await upload<Creation>('/api/mocs/with-files', form, {
    signal,
    headers: { prefer: 'respond-async', 'idempotency-key': newId() },
    onProgress: (share) => onStage({ what: 'Sending the files', share }),
  })
  onStage({ what: 'Checking and storing the files', share: null })
  const creation = await watch(
    () => ask<Creation>('GET', `/api/mocs/${mocId}/creation`, undefined, { signal }),
    ({ status }) => status !== 'creating',
    { patienceMs: PATIENCE_MS, signal },
  )
  if (creation?.status === 'failed') throw failed(creation)
  return { id: mocId, problems: [] }
}

function failed({ problem, mocId }: Creation): Failure {
  return new Failure(
    `The MOC was not created: ${reasonOf(problem, 'its files could not be stored in time')}. Nothing was kept of it.`,
    {
      status: problem?.refused ? 422 : 503,
      code: 'CREATION_FAILED',
      correlationId: mocId,
    },
  )
}

/** Why a creation did not end well. What is refused has a reason for people; what broke has one for the log, and here it is `broke`. */
export function reasonOf(problem: Creation['problem'], broke: string): string {
  if (problem?.refused) return problem.message.replace(/\.$/, '')
  return broke
}

async function createApart(
  wanted: object,
  files: readonly FileToSend[],
  { signal, onStage }: Creating,
): Promise<CreatedMoc> {
  const { id } = await ask<Moc>('POST', '/api/mocs', wanted)
  const all = files.reduce((sum, { file }) => sum + file.size, 0) || 1
  const problems: FileProblem[] = []
  let sent = 0
  for (const { kind, file } of files) {
    const onProgress = (share: number) =>
      onStage({ what: `Sending ${file.name}`, share: (sent + share * file.size) / all })
    try {
      await addFile(id, { kind, file }, { signal, onProgress })
    } catch (error) {
      if (signal.aborted) throw error
      problems.push({ fileName: file.name, error })
    }
    sent += file.size
  }
  return { id, problems }
}

export interface Sending {
  readonly signal?: AbortSignal
  onProgress?(share: number): void
}

/**
 * Adds a file to a MOC that stands; a parts list is read at once.
 *
 * @throws Failure, also where lines of a parts list could not be read: the others are there then
 */
export async function addFile(
  mocId: string,
  { kind, file }: FileToSend,
  sending: Sending,
): Promise<void> {
  const form = new FormData()
  if (kind === 'parts-list') {
    form.set('file', file)
    const added = await upload<AddedPartsList>(`/api/mocs/${mocId}/parts-lists`, form, sending)
    if (added.rejected.length > 0) throw unread(added)
    return
  }
  form.set('kind', kind)
  form.set('file', file)
  await upload(`/api/mocs/${mocId}/files`, form, sending)
}

const SHOWN_LINES = 5

function unread({ id, rejected, lotCount }: AddedPartsList): Failure {
  const more = rejected.length - SHOWN_LINES
  const faults = rejected
    .slice(0, SHOWN_LINES)
    .map(({ at, reason }) => ({ where: `line ${at}`, message: reason }))
  return new Failure(
    `The list was read, ${lotCount} lots are there; ${rejected.length} ${rejected.length === 1 ? 'line' : 'lines'} could not be read.`,
    {
      status: 200,
      code: 'LINES_UNREAD',
      correlationId: id,
      faults: more > 0 ? [...faults, { where: '', message: `and ${more} more` }] : faults,
    },
  )
}

/** What a file is, by its name. */
export function kindOf(name: string): FileKind {
  if (/\.(xml|csv|bsx|pbg|io)$/i.test(name)) return 'parts-list'
  if (/\.(png|jpe?g|webp|gif)$/i.test(name)) return 'thumbnail'
  if (/\.(pdf|ldr|mpd|lxf)$/i.test(name)) return 'instruction'
  return 'other'
}

export function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`
}
