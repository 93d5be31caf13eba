import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HttpError, notFound } from '../http/errors.ts'

/** Bytes of one file. */
export const LARGEST_BYTES = 10 * 1024 * 1024
/** Ids of users that name a folder, and lead nowhere else; the Auth Service's are uuids. */
const FOLDER_NAME = /^[\w@+=-][\w.@+=-]{0,199}$/

export interface UserFile {
  readonly id: string
  readonly name: string
  readonly size: number
  /** Of its content, hex. */
  readonly sha256: string
}

/** What users have uploaded for themselves, as plain files: `USER/ID/NAME` below one folder. */
export class UserFiles {
  readonly #folder: string

  /** @param folder made with the first file */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** There as a whole or not at all: written beside, synced, then renamed. @throws HttpError TOO_LARGE, NO_FILE */
  async add(userId: string, name: string, content: AsyncIterable<Uint8Array>): Promise<UserFile> {
    const id = randomUUID()
    const folder = this.#folderOf(userId, id)
    // Whatever begins with a dot is no file yet.
    const draft = join(this.#folder, `.${id}`)
    await mkdir(this.#folder, { recursive: true })
    try {
      const { size, sha256 } = await write(draft, content)
      await mkdir(folder, { recursive: true })
      await rename(draft, join(folder, name))
      return { id, name, size, sha256 }
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }

  /** Open, to be read to its end or closed. @throws HttpError NOT_FOUND, for another user's too */
  async open(userId: string, id: string): Promise<{ name: string; file: FileHandle }> {
    const folder = this.#folderOf(userId, id)
    const name = await nameIn(folder)
    const file = name && (await open(join(folder, name)).catch(whereThere))
    if (!name || !file) throw notFound('file')
    return { name, file }
  }

  /** @throws HttpError NOT_FOUND, for another user's too */
  async delete(userId: string, id: string): Promise<void> {
    const folder = this.#folderOf(userId, id)
    if (!(await nameIn(folder))) throw notFound('file')
    await rm(folder, { recursive: true, force: true })
  }

  #folderOf(userId: string, id: string): string {
    if (FOLDER_NAME.test(userId)) return join(this.#folder, userId, id)
    throw new HttpError(422, 'USER_ID', 'Files cannot be kept for a user of such an id')
  }
}

export const noFile = () =>
  new HttpError(400, 'NO_FILE', 'Send the file as a body of application/octet-stream')
export const tooLarge = () =>
  new HttpError(413, 'TOO_LARGE', `The file is larger than ${LARGEST_BYTES} bytes`)

async function write(path: string, content: AsyncIterable<Uint8Array>) {
  const hash = createHash('sha256')
  let size = 0
  const file = await open(path, 'wx')
  try {
    for await (const part of content) {
      size += part.length
      if (size > LARGEST_BYTES) throw tooLarge()
      hash.update(part)
      await file.appendFile(part)
    }
    if (size === 0) throw noFile()
    await file.sync()
  } finally {
    await file.close()
  }
  return { size, sha256: hash.digest('hex') }
}

async function nameIn(folder: string): Promise<string | null> {
  const names = await readdir(folder).catch(whereThere)
  return names?.find((name) => !name.startsWith('.')) ?? null
}

function whereThere(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
