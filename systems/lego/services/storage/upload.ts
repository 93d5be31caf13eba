import { fail } from './errors.ts'
import {
  confirm,
  type FileRow,
  forget,
  markBytesGone,
  markInfected,
  markScanning,
  reserve,
} from './files.ts'
import type { NewFile } from './messages.ts'
import type { Context, Parts } from './parts.ts'
import { imageProcessing, isImage } from './processing.ts'
import type { Verdict } from './scanner/virus-scanner.ts'
import { keyOf, removeBytes } from './stored-bytes.ts'

/**
 * Stores a file, step by step, each of which a killed process may be the last of: reserved, stored, measured,
 * scanned, confirmed. Before the last one it counts for no longer than UPLOAD_MS and nobody can read it.
 *
 * @param declaredBytes what the client says will come; null when it does not say
 */
export async function upload(
  context: Context,
  { store, scanner, watermark }: Parts,
  wish: NewFile,
  content: AsyncIterable<Uint8Array>,
  declaredBytes: number | null,
): Promise<FileRow> {
  if (wish.watermark && !watermark) throw fail('NO_WATERMARK')
  const { UPLOAD_MS: limitMs, UPLOAD_BYTES, QUOTA_BYTES: quotaBytes } = context.config
  const most = Math.min(declaredBytes ?? UPLOAD_BYTES, UPLOAD_BYTES)
  const begun = await context.transaction((tx) => reserve(tx, wish, most, { quotaBytes, limitMs }))
  if ('stored' in begun) {
    for await (const _ of content) {
      // What is there already is not read, but a client that is still sending gets no answer.
    }
    return begun.stored
  }
  const row = begun.reserved
  const key = keyOf(row, 'original')
  const expired = () => fail('UPLOAD_EXPIRED', { limitMs })
  try {
    await removeBytes(store, row)
    const { size, sha256 } = await store.put(key, within(content, limitMs, expired), {
      contentType: wish.contentType,
      maxBytes: most,
    })
    if (!(await markScanning(context.db, row, { size, sha256, limitMs }))) throw expired()
    const verdict = await scan(context, { store, scanner }, key)
    if (verdict.verdict === 'clean') {
      const stored = await context.transaction(async (tx) => {
        const confirmed = await confirm(tx, row, scanner.name)
        if (confirmed && isImage(wish.contentType)) {
          await tx.startSaga(imageProcessing(context), { fileId: row.id }, { key: row.attempt })
        }
        return confirmed
      })
      if (!stored) throw expired()
      return stored
    }
    const { finding } = verdict
    context.log.warn({ fileId: row.id, finding }, `a file was refused: ${verdict.verdict}`)
    if (verdict.verdict === 'unscannable') throw fail('FILE_UNSCANNABLE', { finding })
    await markInfected(context.db, row, finding)
    await removeBytes(store, row)
    await markBytesGone(context.db, row.id)
    throw fail('FILE_INFECTED', { finding })
  } catch (error) {
    // Whatever fails here is done by the sweep.
    await store
      .delete(key)
      .then(() => forget(context.db, row))
      .catch((reason: Error) => context.log.warn({ reason: reason.message }, 'left to the sweep'))
    throw error
  }
}

async function scan(
  { log }: Context,
  { store, scanner }: Pick<Parts, 'store' | 'scanner'>,
  key: string,
): Promise<Verdict> {
  const { stream } = await store.get(key)
  try {
    return await scanner.scan(stream)
  } catch (error) {
    log.error({ reason: (error as Error).message }, 'the virus scanner failed')
    throw fail('SCANNER_AWAY', {}, { cause: error })
  } finally {
    stream.destroy()
  }
}

async function* within(
  content: AsyncIterable<Uint8Array>,
  limitMs: number,
  expired: () => Error,
): AsyncGenerator<Uint8Array> {
  const deadline = performance.now() + limitMs
  for await (const part of content) {
    if (performance.now() > deadline) throw expired()
    yield part
  }
  if (performance.now() > deadline) throw expired()
}
