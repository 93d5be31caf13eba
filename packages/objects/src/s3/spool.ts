import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'

/** What is larger waits on disk, so that a hundred uploads at once fit into memory. */
const IN_MEMORY_BYTES = 1024 * 1024

export interface Spooled {
  readonly body: Buffer | Readable
  /** Lets go of the disk. */
  close(): Promise<void>
}

/**
 * Holds content until all of it is there: only then are its size and its hash known, which S3 wants first.
 * On disk it is a file without a name, encrypted under a key that is only in memory: a process that is
 * killed leaves nothing, and nothing readable.
 *
 * @throws what the content fails with
 */
export async function spool(content: AsyncIterable<Uint8Array>): Promise<Spooled> {
  const parts: Uint8Array[] = []
  let size = 0
  let disk: DiskSpool | null = null
  try {
    for await (const part of content) {
      size += part.length
      if (disk) {
        await disk.write(part)
        continue
      }
      parts.push(part)
      if (size <= IN_MEMORY_BYTES) continue
      disk = await DiskSpool.open()
      for (const early of parts.splice(0)) await disk.write(early)
    }
  } catch (error) {
    await disk?.close()
    throw error
  }
  if (!disk) return { body: Buffer.concat(parts), close: async () => {} }
  const kept = disk
  return { body: kept.read(), close: () => kept.close() }
}

class DiskSpool {
  readonly #file: FileHandle
  readonly #key = randomBytes(32)
  /** One file a key, so the counter may begin anywhere. */
  readonly #counter = Buffer.alloc(16)
  readonly #cipher = createCipheriv('aes-256-ctr', this.#key, this.#counter)

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async open(): Promise<DiskSpool> {
    const path = join(tmpdir(), `banyan-${randomBytes(8).toString('hex')}`)
    const file = await open(path, 'wx+', 0o600)
    await rm(path)
    return new DiskSpool(file)
  }

  async write(part: Uint8Array): Promise<void> {
    await this.#file.appendFile(this.#cipher.update(part))
  }

  read(): Readable {
    const plain = createDecipheriv('aes-256-ctr', this.#key, this.#counter)
    const stored = this.#file.createReadStream({ start: 0, autoClose: false })
    return Readable.from(decrypt(stored, (part) => plain.update(part)))
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}

async function* decrypt(stored: AsyncIterable<Buffer>, open: (part: Buffer) => Buffer) {
  for await (const part of stored) yield open(part)
}
