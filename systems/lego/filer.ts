import { createHash } from 'node:crypto'
import type { Client, Random, Step } from '@banyan/lab'
import { read, write } from './steps.ts'
import type { Worker } from './wisher.ts'

/** A file as it lies somewhere. */
export interface KeptFile {
  readonly id: string
  /** SHA-256 of its content, hex. */
  readonly sha256: string
  /** How its content begins. */
  readonly head: string
}

interface Mine {
  readonly id: string
  /** Names it in the history: the token its content begins with if the load made it, else its id. */
  readonly entity: string
}

/** Beyond this many, one is deleted instead of another added. */
const MOST_FILES = 25
const LEAST_BYTES = 100
const MOST_BYTES = 24_000

const WEIGHTS = { upload: 30, read: 55, delete: 15 } as const

/** What a file is called and is worth in the history; see the same of items. */
export function fileEntity({ id, sha256, head }: KeptFile): { entity: string; value: string } {
  const token = /^made (\S+) /.exec(head)?.[1] ?? id
  return { entity: `file/${token}`, value: sha256 }
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** A user who keeps files, and looks whether each is still what was kept, by its SHA-256. */
export class Filer implements Client {
  readonly user: string
  readonly headers: Readonly<Record<string, string>>
  readonly #tag: string
  #files: Mine[]
  #made = 0

  constructor(person: Worker, files: readonly KeptFile[]) {
    this.user = person.id
    this.#tag = `${person.tag}-${person.id.slice(0, 8)}`
    this.headers = { authorization: `Bearer ${person.token}` }
    this.#files = files.map((file) => ({ id: file.id, entity: fileEntity(file).entity }))
  }

  next(random: Random): Step {
    const op = random.weighted(WEIGHTS)
    if (this.#files.length === 0) return this.#upload(random)
    if (op === 'read') return this.#read(random.pick(this.#files))
    const full = this.#files.length >= MOST_FILES
    if (op === 'delete' || full) return this.#delete(random.pick(this.#files))
    return this.#upload(random)
  }

  #upload(random: Random): Step {
    const token = `${this.#tag}-${++this.#made}`
    const size = LEAST_BYTES + random.below(MOST_BYTES - LEAST_BYTES)
    const letters = Array.from({ length: 64 }, () => random.below(36).toString(36)).join('')
    const content = Buffer.from(`made ${token} `.padEnd(size, letters))
    const entity = `file/${token}`
    const name = encodeURIComponent(`plan ${this.#made} of "${this.#tag}".txt`)
    return write('upload file', 'POST', `/api/files?name=${name}`, {
      body: content,
      writes: (answer) => {
        if (answer) this.#files.push({ id: (answer.body as { id: string }).id, entity })
        return [{ entity, set: sha256(content) }]
      },
    })
  }

  #read({ id, entity }: Mine): Step {
    return {
      ...read('read file', `/api/files/${id}`),
      accepts: (status) => status === 200 || status === 404,
      conclude: (outcome, answer) => {
        if (outcome !== 'acknowledged') return {}
        const value = answer!.status === 200 ? sha256(String(answer!.body)) : null
        return { reads: [{ entity, value }] }
      },
    }
  }

  #delete(file: Mine): Step {
    return write('delete file', 'DELETE', `/api/files/${file.id}`, {
      writes: () => {
        this.#files = this.#files.filter((one) => one !== file)
        return [{ entity: file.entity, set: null }]
      },
    })
  }
}
