import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { BanyanError } from '@banyan/contracts'
import type {
  FoundObject,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectPage,
  ObjectStore,
  PutOptions,
  SignedAnswer,
  SignedRequest,
  SignedUrlOptions,
} from '../object-store.ts'
import { checkKey, checkList, checkPut, checkSignedUrl, resolveRange } from '../rules.ts'
import { storeFailure } from '../store-failure.ts'
import { answerSigned } from './answer-signed.ts'
import { FILE_MARK, keysBelow } from './keys-below.ts'
import { MasterKeys } from './master-keys.ts'
import { rewrap, SealedFile, writeSealed } from './sealed-file.ts'
import { UrlSigner } from './url-signer.ts'

export interface FolderStoreOptions {
  readonly folder: string
  /** See MasterKeys: `id:base64`, the one in use first. */
  readonly masterKeys: string
  /** Where `answerSigned` is mounted, as those who get signed URLs reach it. */
  readonly publicUrl: string
}

/** Where files are written before they are there; no key begins with a dot. */
const UNFINISHED = '.unfinished'

/** Objects as encrypted files of a folder; several processes may share it. */
export class FolderStore implements ObjectStore {
  readonly #folder: string
  readonly #keys: MasterKeys
  readonly #signer: UrlSigner

  private constructor({ folder, masterKeys, publicUrl }: FolderStoreOptions) {
    this.#folder = resolve(folder)
    this.#keys = new MasterKeys(masterKeys)
    this.#signer = new UrlSigner(this.#keys, publicUrl)
  }

  /** Makes the folder where it is missing. @throws BanyanError BAD_OBJECT_STORE, OBJECT_STORE_FAILED */
  static async open(options: FolderStoreOptions): Promise<FolderStore> {
    const store = new FolderStore(options)
    await store.#guarded(() => mkdir(join(store.#folder, UNFINISHED), { recursive: true }))
    return store
  }

  async put(
    key: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo> {
    checkKey(key)
    const checked = checkPut(options)
    const draft = join(this.#folder, UNFINISHED, randomUUID())
    try {
      const file = await this.#guarded(() => open(draft, 'wx', 0o600))
      let info: ObjectInfo
      try {
        const described = { ...checked, storedAt: new Date() }
        info = await writeSealed(file, this.#keys, key, content, described)
      } finally {
        await file.close()
      }
      await this.#guarded(() => this.#publish(draft, this.#pathOf(key)))
      return info
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }

  async get(
    key: string,
    { range }: Parameters<ObjectStore['get']>[1] = {},
  ): Promise<ObjectContent> {
    const file = await this.#open(key)
    if (!file) throw new BanyanError('NOT_FOUND', { what: 'object' })
    try {
      const sealed = await SealedFile.open(file, this.#keys, key)
      const { info } = sealed
      const part = range ? resolveRange(range, info.size) : null
      const stream = sealed.stream(part ?? { start: 0, end: info.size - 1 })
      return { info, range: part, stream }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async head(key: string): Promise<FoundObject | null> {
    const file = await this.#open(key)
    if (!file) return null
    try {
      return (await SealedFile.open(file, this.#keys, key)).info
    } finally {
      await file.close()
    }
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#guarded(async () => {
      await rm(this.#pathOf(key), { force: true })
      await this.#removeEmpty(dirname(this.#pathOf(key)))
    })
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    for (const key of keys) checkKey(key)
    for (const key of keys) await this.delete(key)
  }

  async list(options: ListOptions = {}): Promise<ObjectPage> {
    const { limit, ...among } = checkList(options)
    const objects: ObjectPage['objects'][number][] = []
    return this.#guarded(async () => {
      for await (const key of keysBelow(this.#folder, among)) {
        if (objects.length === limit) return { objects, next: objects.at(-1)!.key }
        const info = await this.head(key)
        if (info) objects.push({ key, size: info.size, version: info.version })
      }
      return { objects, next: null }
    })
  }

  async signedUrl(key: string, options: SignedUrlOptions): Promise<string> {
    checkKey(key)
    checkSignedUrl(options)
    return this.#signer.sign(key, options)
  }

  readonly answerSigned = (asked: SignedRequest): Promise<SignedAnswer> =>
    answerSigned(this, this.#signer, asked)

  async removeUnfinished(olderThanMs: number): Promise<number> {
    let removed = 0
    await this.#guarded(async () => {
      const folder = join(this.#folder, UNFINISHED)
      for (const name of await readdir(folder)) {
        const path = join(folder, name)
        // What is being written was changed a moment ago.
        const changed = await stat(path).catch(() => null)
        if (!changed || changed.mtimeMs > Date.now() - olderThanMs) continue
        await rm(path, { force: true })
        removed++
      }
    })
    return removed
  }

  /**
   * Closes all objects with the first of the master keys; run it after putting a new one there, and take the
   * former away when it has ended. It may be killed and run again, and objects may be used meanwhile.
   *
   * @param onUnreadable told of each object that none of the keys opens; without it the first one ends the run
   * @returns objects that were closed with another one
   * @throws BanyanError OBJECT_UNREADABLE, OBJECT_STORE_FAILED
   */
  async rotateKeys(onUnreadable?: (error: BanyanError) => void): Promise<number> {
    let rotated = 0
    for await (const key of keysBelow(this.#folder, { prefix: '', after: '' })) {
      const file = await this.#open(key, 'r+')
      if (!file) continue
      try {
        if (await rewrap(file, this.#keys, key)) rotated++
      } catch (error) {
        const unreadable = error instanceof BanyanError && error.code === 'OBJECT_UNREADABLE'
        if (!unreadable || !onUnreadable) throw error
        onUnreadable(error)
      } finally {
        await file.close()
      }
    }
    return rotated
  }

  async check(): Promise<void> {
    const path = join(this.#folder, UNFINISHED, `check-${randomUUID()}`)
    await this.#guarded(async () => {
      await (await open(path, 'wx')).close()
      await rm(path)
    })
  }

  async close(): Promise<void> {}

  #pathOf(key: string): string {
    return join(this.#folder, `${key}${FILE_MARK}`)
  }

  async #open(key: string, flags = 'r'): Promise<FileHandle | null> {
    checkKey(key)
    return this.#guarded(() =>
      open(this.#pathOf(key), flags).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
        throw error
      }),
    )
  }

  /** There from now on, also after the machine failed. */
  async #publish(draft: string, path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await mkdir(dirname(path), { recursive: true })
      try {
        await rename(draft, path)
        break
      } catch (error) {
        // Somebody deleted the folder's last object, and the folder, between the two.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === 10) throw error
      }
    }
    // The folder's own entry too, which mkdir may have made just now.
    for (let at = dirname(path); at.length >= this.#folder.length; at = dirname(at)) {
      const folder = await open(at, 'r').catch(() => null)
      await folder?.sync()
      await folder?.close()
    }
  }

  async #removeEmpty(folder: string): Promise<void> {
    for (let at = folder; at.length > this.#folder.length; at = dirname(at)) {
      const removed = await rmdir(at).then(
        () => true,
        () => false,
      )
      if (!removed) return
    }
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      throw storeFailure(`folder ${this.#folder}`, error)
    })
  }
}
