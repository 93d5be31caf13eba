import { createHash } from 'node:crypto'
import { addAbortSignal } from 'node:stream'
import type { Pace } from './pace.ts'
import type { ListedObject, ObjectSide, ReadObject } from './side.ts'

export interface Copying {
  readonly pace: Pace
  readonly signal: AbortSignal
  /**
   * Asked when all of an object has been read, before it is there on the other side: throws where another
   * has taken over since. A process that stood still meanwhile would else write over what its owner has now.
   */
  stillOurs(): Promise<void>
}

export interface Copied {
  readonly size: number
  readonly sha256: string
  /** As the side that was written has it. */
  readonly version: string | null
}

/** The content on the other side is not what was written there. */
class NotTheSame extends Error {}

/**
 * Copies one object, and reads it back.
 *
 * @returns null where the side that lists it has no content for it
 * @throws NotTheSame; ObjectRefused; what the sides fail with
 */
export async function copyObject(
  from: ObjectSide,
  to: ObjectSide,
  listed: ListedObject,
  copying: Copying,
): Promise<Copied | null> {
  const { key, owner } = listed
  const read = await from.read(key)
  if (!read) return null
  endWith(copying.signal, read)
  const hash = createHash('sha256')
  let size = 0
  async function* content(): AsyncGenerator<Uint8Array> {
    for await (const part of read!.stream as AsyncIterable<Uint8Array>) {
      await copying.pace.take(part.length, copying.signal)
      hash.update(part)
      size += part.length
      yield part
    }
    await copying.stillOurs()
  }
  const contentType = listed.contentType ?? read.contentType
  try {
    await to.write(key, content(), { owner, contentType, metadata: read.metadata })
  } finally {
    read.stream.destroy()
  }
  const sha256 = hash.digest('hex')
  const back = await to.read(key)
  const stored = back && (await hashOf(back, copying.signal))
  if (stored !== sha256) {
    const found = stored === null ? 'nothing' : `SHA-256 ${stored}`
    throw new NotTheSame(`${to.name} has ${found} for "${key}", written was SHA-256 ${sha256}`)
  }
  return { size, sha256, version: back!.version }
}

/** One that hangs must not keep whoever stops this waiting. */
function endWith(signal: AbortSignal, { stream }: Pick<ReadObject, 'stream'>): void {
  // Whoever reads it meets its error; one that nobody reads yet must not end the process with it.
  stream.on('error', () => {})
  addAbortSignal(signal, stream)
}

/** SHA-256 of what is read, in hex. */
export async function hashOf({ stream }: ReadObject, signal: AbortSignal): Promise<string> {
  endWith(signal, { stream })
  const hash = createHash('sha256')
  for await (const part of stream as AsyncIterable<Uint8Array>) hash.update(part)
  return hash.digest('hex')
}
