import { randomUUID } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type BucketSet, bucketOf } from '@banyan/contracts'
import { storeFailure } from '../store-failure.ts'
import { ahead } from './ahead.ts'
import {
  compareKeys,
  type ListedObject,
  ObjectRefused,
  type ObjectSide,
  ownerIn,
  type ReadObject,
} from './side.ts'

/** Drafts of ours; whatever begins with a dot is no object. */
const DRAFT = '.banyan-'

/** Folders and files looked at before it is their turn: a look is mostly waiting. */
const AHEAD = 32

/** The plain files below a folder, as an application keeps its uploads; keys are their paths. */
export class FolderSide implements ObjectSide {
  readonly name: string
  readonly #folder: string
  readonly #ownerSegment: number | null

  /** @param ownerSegment which folder of a path is its owner, from 0; null: nothing says whose a file is */
  constructor(folder: string, ownerSegment: number | null = null) {
    this.#folder = resolve(folder)
    this.#ownerSegment = ownerSegment
    this.name = `folder ${this.#folder}`
  }

  async *list(after: string, of: BucketSet): AsyncGenerator<ListedObject> {
    // A folder that is gone, or not mounted, is no empty one.
    const top = await this.#guarded(() => readdir(this.#folder, { withFileTypes: true }))
    const found = ahead(this.#below('', top, after, of), AHEAD, (key) => this.#listed(key))
    for await (const one of found) if (one) yield one
  }

  async read(key: string): Promise<ReadObject | null> {
    const file = await this.#open(key)
    if (!file) return null
    const version = versionOf(await file.stat({ bigint: true }))
    const stream = file.createReadStream()
    return { version, stream, contentType: 'application/octet-stream', metadata: {} }
  }

  async write(key: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#pathOf(key)
    const draft = join(dirname(path), `${DRAFT}${randomUUID()}`)
    await this.#guarded(() => mkdir(dirname(path), { recursive: true }))
    try {
      const file = await this.#guarded(() => open(draft, 'wx'))
      try {
        for await (const part of content) await this.#guarded(() => file.appendFile(part))
        await this.#guarded(() => file.sync())
      } finally {
        await file.close()
      }
      await this.#guarded(() => rename(draft, path))
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }

  async delete(key: string): Promise<void> {
    await this.#guarded(() => rm(this.#pathOf(key), { force: true }))
  }

  async close(): Promise<void> {}

  /** In the order of the keys: a folder stands where its name with a slash does. */
  async *#below(
    above: string,
    entries: readonly Dirent[],
    after: string,
    of: BucketSet,
  ): AsyncGenerator<string> {
    const names = entries
      .filter(({ name }) => !name.startsWith('.'))
      .flatMap((entry) =>
        entry.isDirectory() ? [`${entry.name}/`] : entry.isFile() ? [entry.name] : [],
      )
      .map((name) => above + name)
      .filter((path) => this.#mayBeOf(path, of) && mayBeAfter(path, after))
      .sort(compareKeys)
    const found = ahead(names, AHEAD, async (path) => ({
      path,
      entries: path.endsWith('/') ? await this.#entries(path) : null,
    }))
    for await (const { path, entries } of found) {
      if (entries === null) yield path
      else yield* this.#below(path, entries, after, of)
    }
  }

  /** What is in others' folders is not even read: a handover of a few buckets looks at a few folders. */
  #mayBeOf(path: string, of: BucketSet): boolean {
    const known = path.split('/').length - 1 > (this.#ownerSegment ?? Number.POSITIVE_INFINITY)
    if (!known && path.endsWith('/')) return true
    return of.has(bucketOf(ownerIn(path, this.#ownerSegment)))
  }

  async #entries(path: string): Promise<Dirent[]> {
    return this.#guarded(() =>
      readdir(join(this.#folder, path), { withFileTypes: true }).catch(
        (error: NodeJS.ErrnoException) => {
          // Removed since its name was read.
          if (error.code === 'ENOENT') return []
          throw error
        },
      ),
    )
  }

  async #listed(key: string): Promise<ListedObject | null> {
    const found = await this.#guarded(() =>
      stat(this.#pathOf(key), { bigint: true }).catch(whereThere),
    )
    if (!found) return null
    const owner = ownerIn(key, this.#ownerSegment)
    return { key, owner, version: versionOf(found), size: Number(found.size) }
  }

  async #open(key: string): Promise<FileHandle | null> {
    return this.#guarded(() => open(this.#pathOf(key)).catch(whereThere))
  }

  /** Names may come from rows that users have a hand in: none leads out of the folder. */
  #pathOf(key: string): string {
    const climbs = key.split('/').some((one) => one === '' || one.startsWith('.'))
    if (climbs || key.includes('\0')) {
      throw new ObjectRefused(`"${key.slice(0, 100)}" is no path below ${this.name}`)
    }
    return join(this.#folder, key)
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      throw error instanceof ObjectRefused ? error : storeFailure(this.name, error)
    })
  }
}

/** Whether it is, or may hold, a key behind `after`. */
function mayBeAfter(path: string, after: string): boolean {
  if (after === '' || compareKeys(path, after) > 0) return true
  return path.endsWith('/') && after.startsWith(path)
}

function versionOf({ mtimeNs, size }: { mtimeNs: bigint; size: bigint }): string {
  return `${mtimeNs}/${size}`
}

function whereThere(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
