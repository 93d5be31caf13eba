import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { bucketOf } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'

const OWNERS = 1_000
const NOTES_EACH = 100
const INSERT_SHARE = 0.2
/** Ids above those that were there before: every one was acknowledged, or its write failed. */
const NEW_IDS = 1_000_000_000
const TIMEOUT_MS = 10_000

/** One write as its client saw it; times on this process's clock, ms. */
export interface SeenWrite {
  readonly due: number
  /** From when it was due, not from when this process came to send it. */
  readonly ms: number
  readonly bucket: number
}

/**
 * Writes at a steady rate whatever the answers take (open loop), never again what failed, and
 * remembers what was acknowledged.
 */
export class Writers {
  readonly seen: SeenWrite[] = []
  readonly failures: string[] = []
  sent = 0
  readonly #url: string
  readonly #perSecond: number
  readonly #agent = new Agent({ keepAlive: true })
  readonly #buckets = Array.from({ length: OWNERS }, (_, i) => bucketOf(ownerName(i)))
  readonly #increments = new Map<number, number>()
  readonly #inserted = new Map<number, string>()
  readonly #open = new Set<Promise<void>>()
  #stopped = false
  #running: Promise<void> | null = null
  #began = 0
  #ended = 0

  constructor(url: string, perSecond: number) {
    this.#url = url
    this.#perSecond = perSecond
  }

  start(): void {
    this.#began = performance.now()
    this.#running = this.#run()
  }

  /** Acknowledged writes/s from the first to the last. */
  get perSecond(): number {
    return (this.seen.length * 1000) / ((this.#ended || performance.now()) - this.#began)
  }

  /** Resolves when every write that was sent has been answered. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    this.#ended = performance.now()
    await Promise.all(this.#open)
    this.#agent.destroy()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const due = this.#began + (this.sent * 1000) / this.#perSecond
      const early = due - performance.now()
      if (early > 0) {
        await delay(Math.max(1, early))
        continue
      }
      const writing = this.#write(this.sent++, due)
      this.#open.add(writing)
      void writing.finally(() => this.#open.delete(writing))
    }
  }

  async #write(number: number, due: number): Promise<void> {
    // 7919 is a prime: every owner's turn comes, neighbours in time are strangers.
    const owner = (number * 7919) % OWNERS
    const inserts = (number * INSERT_SHARE) % 1 < INSERT_SHARE
    const id = inserts ? NEW_IDS + number : firstNote(owner)
    const path = `/notes/${ownerName(owner)}/${inserts ? 'insert' : 'increment'}/${id}`
    try {
      await this.#post(path, ownerName(owner))
    } catch (error) {
      this.failures.push(`POST ${path}: ${(error as Error).message}`)
      return
    }
    this.seen.push({ due, ms: performance.now() - due, bucket: this.#buckets[owner]! })
    if (inserts) this.#inserted.set(id, ownerName(owner))
    else this.#increments.set(id, (this.#increments.get(id) ?? 0) + 1)
  }

  /** @throws unless the answer is 204. */
  #post(path: string, subject: string): Promise<void> {
    const headers = { 'x-subject': subject, 'content-length': 0 }
    const timeout = TIMEOUT_MS
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', agent: this.#agent, headers, timeout }
      const sent = request(`${this.#url}${path}`, options, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
        })
        answer.on('error', reject)
        answer.on('end', () => {
          if (answer.statusCode === 204) resolve()
          else reject(new Error(`${answer.statusCode} ${text.slice(0, 200)}`))
        })
      })
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeout} ms`)))
      sent.on('error', reject)
      sent.end()
    })
  }

  /**
   * Holds what was acknowledged against the rows of one side, which must own everything now.
   *
   * @returns writes that are not there, and writes that are there more often than acknowledged.
   */
  async check(owner: Pool): Promise<{ lost: number; extra: number }> {
    const { rows } = await owner.query<{ id: string; owner: string; n: number }>(
      'SELECT id, owner, n FROM public.note WHERE n > 0 OR id >= $1',
      [NEW_IDS],
    )
    let lost = 0
    let extra = 0
    const missing = new Map(this.#inserted)
    const expected = new Map(this.#increments)
    for (const row of rows) {
      const id = Number(row.id)
      if (id >= NEW_IDS) {
        if (missing.get(id) !== row.owner) extra++
        missing.delete(id)
        continue
      }
      const off = row.n - (expected.get(id) ?? 0)
      if (off > 0) extra += off
      else lost -= off
      expected.delete(id)
    }
    for (const count of expected.values()) lost += count
    return { lost: lost + missing.size, extra }
  }
}

function ownerName(index: number): string {
  return `owner-${index}`
}

function firstNote(owner: number): number {
  return owner * NOTES_EACH
}

/** The notes that are there before the move, in the order `firstNote` knows. */
export async function fillNotes(pool: Pool): Promise<void> {
  await pool.query(
    `INSERT INTO public.note
       SELECT n, 'owner-' || n / ${NOTES_EACH}, 0, 'a note of some length' FROM generate_series(0, ${OWNERS * NOTES_EACH - 1}) n`,
  )
  await pool.query('VACUUM ANALYZE public.note')
}
