import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { signIdentity } from '@banyan/contracts'
import { Random } from '@banyan/lab'
import { type Dispatcher, Pool } from 'undici'
import type { PartList } from './part-lists.ts'
import { type Summary, summaryOf } from './samples.ts'
import type { System } from './system.ts'
import type { User } from './users.ts'

/** What became of files that were sent. */
export interface Batch {
  readonly count: number
  /** Share of those that did not come to their end. */
  readonly failedShare: number
  readonly failures: Readonly<Record<string, number>>
  /** From the request until it was done, whoever had asked by then. */
  readonly tookMs: Summary
}

/** Parts lists that were sent to be read. */
export interface ListBatch extends Batch {
  /** From when File Processing took a list up until it was done, its waiting before left out. */
  readonly readMs: Summary
}

/** When somebody looks whether theirs is done, where they are not told when, ms. */
const LOOK_AFTER_MS = 1_000
/** Beyond it it has failed, ms. */
const DONE_WITHIN_MS = 120_000

const SMALLEST = 50_000
const LARGEST = 900_000

/** The bodies of requests that have parts lists read, made before anything is timed. */
export function jobsOf(lists: readonly PartList[]): readonly string[] {
  return lists.map(({ fileName, content }) => {
    return JSON.stringify({ fileName, content: Buffer.from(content).toString('base64') })
  })
}

/**
 * Has parts lists read: each is posted to File Processing, and is done when its job is completed.
 *
 * @param everyMs between two of them; 0: all at once
 */
export async function readLists(
  system: System,
  users: readonly User[],
  jobs: readonly string[],
  everyMs: number,
): Promise<ListBatch> {
  const readMs: number[] = []
  const { url } = system.services.processing
  const pool = new Pool(url, { connections: jobs.length })
  const ask = async (user: number, method: 'GET' | 'POST', path: string, body?: string) => {
    // As the gateway signs it: good for a minute.
    const identity = { userId: users[user]!.id, email: null, roles: ['user'] }
    const answer = await pool.request({
      method,
      path,
      headers: {
        'x-banyan-identity': signIdentity(identity, system.identityKey),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    })
    return answered(answer)
  }
  try {
    const sent = await batch(jobs, everyMs, async (job, n) => {
      const postedAt = Date.now()
      const user = n % users.length
      const begun = await ask(user, 'POST', '/v1/process-file', job)
      if (begun.status !== 202) throw new Error(`${begun.status}`)
      const { jobId } = JSON.parse(begun.text) as { jobId: string }
      return watched(async () => {
        const { status, text, again } = await ask(user, 'GET', `/v1/jobs/${jobId}`)
        if (status !== 200) throw new Error(`looking ${status}`)
        const { state, startedAt, endedAt } = JSON.parse(text) as JobTimes
        if (endedAt === null) return again
        if (state !== 'completed') throw new Error(state)
        readMs.push(Date.parse(endedAt) - Date.parse(startedAt))
        return { tookMs: Date.parse(endedAt) - postedAt }
      })
    })
    return { ...sent, readMs: summaryOf(readMs) }
  } finally {
    await pool.close()
  }
}

interface Answered {
  readonly status: number
  readonly text: string
  readonly again: Again
}

/** What is not done yet, and when whoever asked is to ask again (`Retry-After`), as the system's page would. */
interface Again {
  readonly askAfterMs: number
}

interface Done {
  readonly tookMs: number
}

async function answered({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Answered> {
  const seconds = Number(headers['retry-after'])
  const askAfterMs = Number.isNaN(seconds) ? LOOK_AFTER_MS : seconds * 1000
  return { status: statusCode, text: await body.text(), again: { askAfterMs } }
}

interface JobTimes {
  readonly state: string
  /** Where it has ended. */
  readonly startedAt: string
  readonly endedAt: string | null
}

/** Forms that create a MOC with a file of instructions, made before anything is timed. */
export function formsOf(count: number, seed: number): readonly Buffer[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, n) => {
    const bytes = Math.round(SMALLEST * (LARGEST / SMALLEST) ** random.next())
    return formOf(randomBytes(bytes), n)
  })
}

/** Has MOCs created with a file each, all at once; one is done when its files are stored. */
export async function uploadFiles(
  system: System,
  users: readonly User[],
  forms: readonly Buffer[],
): Promise<Batch> {
  const pool = new Pool(system.gateway.url, { connections: forms.length })
  const ask = async (user: number, method: 'GET' | 'POST', path: string, body?: Buffer) => {
    const answer = await pool.request({
      method,
      path,
      headers: {
        authorization: `Bearer ${users[user]!.token}`,
        ...(body === undefined ? {} : { 'content-type': `multipart/form-data; boundary=${EDGE}` }),
      },
      ...(body === undefined ? {} : { body }),
    })
    return answered(answer)
  }
  try {
    return await batch(forms, 0, async (form, n) => {
      const began = performance.now()
      const user = n % users.length
      const begun = await ask(user, 'POST', '/api/mocs/with-files', form)
      if (begun.status !== 201 && begun.status !== 202) throw new Error(`${begun.status}`)
      const { mocId } = JSON.parse(begun.text) as { mocId: string }
      const done = ({ text, again }: Answered) => {
        const { status } = JSON.parse(text) as { status: string }
        if (status === 'creating') return again
        if (status !== 'created') throw new Error(status)
        return { tookMs: performance.now() - began }
      }
      return watched(
        async () => done(await ask(user, 'GET', `/api/mocs/${mocId}/creation`)),
        done(begun),
      )
    })
  } finally {
    await pool.close()
  }
}

const EDGE = 'edge-of-a-part-of-this-form'

function formOf(file: Buffer, n: number): Buffer {
  const part = (disposition: string, type = '') =>
    `--${EDGE}\r\nContent-Disposition: form-data; ${disposition}\r\n${type}\r\n`
  const metadata = JSON.stringify({ title: `With instructions, number ${n}` })
  return Buffer.concat([
    Buffer.from(`${part('name="metadata"')}${metadata}\r\n`),
    Buffer.from(
      part('name="instruction"; filename="instructions.pdf"', 'Content-Type: application/pdf\r\n'),
    ),
    file,
    Buffer.from(`\r\n--${EDGE}--\r\n`),
  ])
}

/** Looks until it is done, when it is told to. @param last what the answer that it began with says */
async function watched(
  look: () => Promise<Again | Done>,
  last: Again | Done = { askAfterMs: LOOK_AFTER_MS },
): Promise<number> {
  const deadline = performance.now() + DONE_WITHIN_MS
  for (let found = last; ; found = await look()) {
    if ('tookMs' in found) return found.tookMs
    if (performance.now() > deadline) throw new Error('not done in time')
    await delay(found.askAfterMs)
  }
}

async function batch<T>(
  all: readonly T[],
  everyMs: number,
  one: (of: T, n: number) => Promise<number>,
): Promise<Batch> {
  const took: number[] = []
  const failures: Record<string, number> = {}
  await Promise.all(
    all.map(async (of, n) => {
      if (everyMs > 0) await delay(n * everyMs)
      try {
        took.push(await one(of, n))
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        const why = code ?? message
        failures[why] = (failures[why] ?? 0) + 1
      }
    }),
  )
  const failed = all.length - took.length
  return { count: all.length, failedShare: failed / all.length, failures, tookMs: summaryOf(took) }
}
