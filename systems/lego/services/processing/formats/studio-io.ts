import { configure, type FileEntry, Uint8ArrayReader, ZipReader } from '@zip.js/zip.js'
import type { Entries } from './entry.ts'
import { readLdraw } from './ldraw.ts'
import { PartListRefused } from './refusal.ts'
import { decodeText } from './text.ts'

/** Web workers would be one more thread for each file that is read. */
configure({ useWebWorkers: false })

/** Studio 2.0 writes it into the program, not to keep anybody out. */
const PASSWORD = 'soho0909'
/** Of the file as it is sent: it is held in memory, since a ZIP's directory stands at its end. */
const MAX_ARCHIVE = 32 * 1024 * 1024
const MAX_ENTRIES = 1_000
/** Of `model.ldr`; a model of 100,000 parts has 10 MB. */
const MAX_MODEL = 128 * 1024 * 1024
/** LDraw text shrinks 5 to 20 times. */
const MAX_RATIO = 200
/** What a small text may be blown up to whatever the ratio. */
const RATIO_MATTERS_FROM = 1024 * 1024
const MAX_INFO = 65_536

/**
 * Studio's .io: an encrypted ZIP with `model.ldr`, and `.info`, whose `total_parts` is a checksum.
 *
 * @throws PartListRefused BAD_ARCHIVE, ARCHIVE_TOO_LARGE, and what the model is refused for
 */
export async function* readStudioIo(source: AsyncIterable<Uint8Array>): Entries {
  const zip = new ZipReader(new Uint8ArrayReader(await whole(source)))
  try {
    const { model, info } = await find(zip)
    yield* readLdraw(decodeText(unpack(model, MAX_MODEL)))
    if (!info) return
    const pieces = await totalOf(info)
    if (pieces !== null) yield [{ kind: 'checksum', pieces }]
  } finally {
    await zip.close()
  }
}

async function whole(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > MAX_ARCHIVE) {
      const reason = `An .io of more than ${MAX_ARCHIVE} bytes is not read`
      throw new PartListRefused('ARCHIVE_TOO_LARGE', reason)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function find(zip: ZipReader<unknown>) {
  const found: { model?: FileEntry; info?: FileEntry } = {}
  let entries = 0
  try {
    for await (const entry of zip.getEntriesGenerator()) {
      if (++entries > MAX_ENTRIES) {
        const reason = `It has more than ${MAX_ENTRIES} entries`
        throw new PartListRefused('ARCHIVE_TOO_LARGE', reason)
      }
      if (entry.directory) continue
      if (entry.filename === 'model.ldr') found.model ??= entry
      if (entry.filename === '.info') found.info ??= entry
    }
  } catch (error) {
    throw refusalOf(error)
  }
  const { model, info } = found
  if (!model) throw new PartListRefused('BAD_ARCHIVE', 'It is a ZIP without model.ldr: no .io')
  return { model, info }
}

/** The bytes of an entry, as they are unpacked; what it says of its own size is not believed. */
async function* unpack(entry: FileEntry, most: number): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const abort = new AbortController()
  const password = entry.encrypted ? { password: PASSWORD } : {}
  const unpacking = entry
    .getData(writable, { ...password, signal: abort.signal })
    // Who reads is told; a stream that is locked was told by who locked it.
    .catch((error: unknown) => writable.abort(error).catch(() => {}))
  let size = 0
  try {
    for await (const chunk of readable) {
      size += chunk.length
      const blownUp = size > RATIO_MATTERS_FROM && size > entry.compressedSize * MAX_RATIO
      if (size > most || blownUp) {
        throw new PartListRefused(
          'ARCHIVE_TOO_LARGE',
          `${entry.filename} unpacks to more than ${blownUp ? `${MAX_RATIO} times its size` : `${most} bytes`}`,
        )
      }
      yield chunk
    }
  } catch (error) {
    throw refusalOf(error)
  } finally {
    abort.abort()
    await unpacking
  }
}

/** `total_parts`; null where an older Studio wrote none. */
async function totalOf(info: FileEntry): Promise<number | null> {
  let text = ''
  for await (const piece of decodeText(unpack(info, MAX_INFO))) text += piece
  try {
    const { total_parts: total } = JSON.parse(text) as { total_parts?: unknown }
    return typeof total === 'number' && Number.isInteger(total) ? total : null
  } catch {
    return null
  }
}

function refusalOf(error: unknown): PartListRefused {
  if (error instanceof PartListRefused) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new PartListRefused('BAD_ARCHIVE', `Not a ZIP that can be read: ${reason}`)
}
