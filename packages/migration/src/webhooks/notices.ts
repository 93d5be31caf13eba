import type { Pool } from '@banyan/postgres'
import type { Logger } from 'pino'
import { sleep } from '../lease.ts'
import type { Ledger } from '../ledger.ts'
import { quoted } from '../outbound.ts'
import type { ResolvedExtraction } from '../plan.ts'
import type { LedgerEntry, NoticeTrouble } from '../status.ts'
import { type Occasion, occasionOf } from './occasion.ts'
import { post } from './post.ts'
import type { ResolvedNotify, ResolvedWebhook } from './setting.ts'

/** One address, with the place in the ledger up to which it has been told. */
interface Target {
  /** Of its row. */
  readonly key: string
  readonly webhook: ResolvedWebhook
  wants(entry: LedgerEntry, occasion: Occasion): boolean
  body(entry: LedgerEntry, occasion: Occasion, skipped: number): object
}

interface Cursor {
  readonly seq: number
  readonly skipped: number
}

const LOOK_MS = 1_000
const PAGE = 100
/** After failures, ms; the last one repeats. */
const RETRY_MS = [1_000, 5_000, 15_000, 60_000, 300_000]
/** Whoever was away for longer is told how many it has missed, and goes on from there, ms. */
const KEPT_MS = 24 * 3_600_000

interface NoticesOptions {
  readonly pool: Pool
  readonly ledger: Pick<Ledger, 'read'>
  readonly plans: readonly ResolvedExtraction[]
  readonly notify: readonly ResolvedNotify[]
  readonly log: Logger
}

/**
 * Tells the plan's addresses of what the ledger says, each by itself: in order, at least once, whichever engine leads. The ledger
 * is the queue, so nothing is kept twice and no step of a move waits for anybody's server.
 */
export class Notices {
  readonly #options: NoticesOptions
  readonly #targets: readonly Target[]

  constructor(options: NoticesOptions) {
    this.#options = options
    this.#targets = [
      ...options.notify.map(notified),
      ...options.plans.flatMap((plan) => plan.webhooks.after.map((one) => toldAfter(plan, one))),
    ]
  }

  /** Tells until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#targets.map((target) => this.#tell(target, signal)))
  }

  async #tell(target: Target, signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#tellAll(target, signal)
        failures = 0
        await sleep(LOOK_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        const { message } = error as Error
        this.#options.log.warn({ notice: target.key, why: message }, 'somebody was not told')
        await this.#keep(target, message).catch(() => {})
        await sleep(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]!, signal)
      }
    }
  }

  /** All there is to be told now. @throws when it is not taken */
  async #tellAll(target: Target, signal: AbortSignal): Promise<void> {
    let { seq, skipped } = await this.#cursor(target)
    for (;;) {
      const entries = await this.#options.ledger.read(null, seq, PAGE)
      for (const entry of entries) {
        const occasion = occasionOf(entry)
        if (occasion && target.wants(entry, occasion)) {
          if (Date.now() - Date.parse(entry.at) > KEPT_MS) skipped++
          else {
            await this.#post(target, entry, occasion, skipped, signal)
            skipped = 0
            await this.#advance(target, entry.seq, skipped)
          }
        }
        seq = entry.seq
      }
      if (entries.length > 0) await this.#advance(target, seq, skipped)
      if (entries.length < PAGE || signal.aborted) return
    }
  }

  async #post(
    target: Target,
    entry: LedgerEntry,
    occasion: Occasion,
    skipped: number,
    signal: AbortSignal,
  ): Promise<void> {
    const body = target.body(entry, occasion, skipped)
    const { status, text } = await post(target.webhook, entry.hash.slice(0, 32), body, signal)
    if (status < 200 || status > 299) throw new Error(`answered ${status}: ${quoted(text)}`)
  }

  /** Who is new is told of what comes, not of what was. */
  async #cursor({ key }: Target): Promise<Cursor> {
    const { rows } = await this.#options.pool.query<Cursor>(
      `INSERT INTO banyan_control.notice (target, seq)
       SELECT $1, coalesce(max(seq), 0) FROM banyan_control.ledger
       ON CONFLICT (target) DO UPDATE SET target = EXCLUDED.target
       RETURNING seq::float8, skipped`,
      [key],
    )
    return rows[0]!
  }

  async #advance({ key }: Target, seq: number, skipped: number): Promise<void> {
    await this.#options.pool.query(
      `UPDATE banyan_control.notice SET seq = $2, skipped = $3, failing_since = NULL, why = NULL
        WHERE target = $1 AND seq <= $2`,
      [key, seq, skipped],
    )
  }

  async #keep({ key }: Target, why: string): Promise<void> {
    await this.#options.pool.query(
      `UPDATE banyan_control.notice SET failing_since = coalesce(failing_since, clock_timestamp()), why = $2
        WHERE target = $1`,
      [key, why],
    )
  }
}

/** Who could not be told, and since when. */
export async function noticeTrouble(pool: Pool): Promise<NoticeTrouble[]> {
  const { rows } = await pool.query<{ target: string; since: Date; why: string }>(
    `SELECT target, failing_since AS since, why FROM banyan_control.notice
      WHERE failing_since IS NOT NULL ORDER BY target`,
  )
  return rows.map(({ target, since, why }) => ({ target, since: since.toISOString(), why }))
}

function notified(one: ResolvedNotify): Target {
  return {
    key: `notify ${one.name}`,
    webhook: one,
    wants: ({ extraction }, { about }) =>
      about.some((each) => one.about.includes(each)) &&
      (one.extractions?.includes(extraction) ?? true),
    body: (entry, occasion, skipped) =>
      one.format === 'slack'
        ? {
            text: `${occasion.text}${skipped > 0 ? ` (${skipped} messages before it are left out)` : ''}`,
          }
        : jsonOf(entry, occasion, skipped),
  }
}

function toldAfter({ name }: ResolvedExtraction, webhook: ResolvedWebhook): Target {
  return {
    key: `after ${name} ${webhook.name}`,
    webhook,
    wants: ({ extraction }, { about }) => extraction === name && about.includes('steps'),
    body: (entry, occasion, skipped) => ({ when: 'after', ...jsonOf(entry, occasion, skipped) }),
  }
}

function jsonOf(entry: LedgerEntry, { about, text }: Occasion, skipped: number): object {
  const { seq, at, extraction, kind, what, detail, hash } = entry
  const id = hash.slice(0, 32)
  return {
    id,
    seq,
    at,
    extraction,
    about,
    text,
    kind,
    what,
    detail,
    ...(skipped ? { skipped } : {}),
  }
}
