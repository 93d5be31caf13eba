import { createHash } from 'node:crypto'
import { sleep } from '../lease.ts'
import { quoted } from '../outbound.ts'
import { post } from './post.ts'
import type { ResolvedBefore } from './setting.ts'

/** A step that is about to begin. */
export interface Step {
  readonly extraction: string
  /** `canary 10 %`, `cut over (100 %)`, `complete`. */
  readonly name: string
  /** The share of users that the service will have. */
  readonly percent: number
  /** Since when it is wanted; with the name, which step it is. */
  readonly since: Date
  /** Raised by every decision: whoever refused is asked anew after one, and not before. */
  readonly revision: number
}

export type Permission =
  | { readonly granted: true }
  | { readonly granted: false; readonly waitsFor: string }
  | {
      readonly granted: false
      readonly refused: { readonly webhook: string; readonly why: string }
    }

/** Between two attempts, ms; the last one repeats. */
const RETRY_MS = [500, 2_000, 5_000, 15_000]

interface Asking {
  readonly key: string
  readonly abort: AbortController
  done: Promise<void>
  permission: Permission
}

/** Asks the plan's webhooks, in their order, whether a step may begin; in the background, once a step. */
export class BeforeStep {
  readonly #webhooks: readonly ResolvedBefore[]
  #asking: Asking | null = null

  constructor(webhooks: readonly ResolvedBefore[]) {
    this.#webhooks = webhooks
  }

  /** What is known now of a step; the first call begins to ask. */
  permission(step: Step): Permission {
    if (this.#webhooks.length === 0) return { granted: true }
    const key = `${step.name} ${step.since.toISOString()}`
    if (this.#asking?.key !== key) this.#begin(key, step)
    return this.#asking!.permission
  }

  /** Whoever has not granted it is asked anew, when it is wanted again. */
  forget(): void {
    if (this.#asking?.permission.granted) return
    this.#asking?.abort.abort()
    this.#asking = null
  }

  async stop(): Promise<void> {
    const asking = this.#asking
    this.#asking = null
    asking?.abort.abort()
    await asking?.done
  }

  #begin(key: string, step: Step): void {
    this.#asking?.abort.abort()
    const abort = new AbortController()
    const asking: Asking = {
      ...{ key, abort, permission: waitsFor(this.#webhooks[0]!, step) },
      done: Promise.resolve(),
    }
    this.#asking = asking
    asking.done = this.#askAll(step, abort.signal, (permission) => {
      asking.permission = permission
    })
  }

  async #askAll(
    step: Step,
    signal: AbortSignal,
    tell: (permission: Permission) => void,
  ): Promise<void> {
    for (const webhook of this.#webhooks) {
      tell(waitsFor(webhook, step))
      const why = await this.#ask(webhook, step, signal)
      if (signal.aborted) return
      if (why !== null) return tell({ granted: false, refused: { webhook: webhook.name, why } })
    }
    tell({ granted: true })
  }

  /** Null: it may begin. */
  async #ask(webhook: ResolvedBefore, step: Step, signal: AbortSignal): Promise<string | null> {
    const { extraction, name, percent, since, revision } = step
    const id = idOf(extraction, name, since.toISOString(), revision, webhook.name)
    const body = { id, when: 'before', extraction, step: name, percent, since: since.toISOString() }
    let why = ''
    for (let attempt = 0; attempt < webhook.attempts; attempt++) {
      if (attempt > 0) await sleep(RETRY_MS[Math.min(attempt, RETRY_MS.length) - 1]!, signal)
      if (signal.aborted) break
      try {
        const { status, text } = await post(webhook, id, body, signal)
        if (status >= 200 && status < 300) return null
        if (status === 409) return `refuses: ${reasonIn(text)}`
        why = `answered ${status}: ${quoted(text)}`
      } catch (error) {
        why = (error as Error).message
      }
    }
    return `said neither yes nor no, asked ${webhook.attempts} times: ${why}`
  }
}

function waitsFor({ name }: ResolvedBefore, step: Step): Permission {
  return { granted: false, waitsFor: `the webhook "${name}" before ${step.name}` }
}

/** The same for every repetition of one question, whichever engine asks it. */
function idOf(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}

function reasonIn(text: string): string {
  try {
    const { reason } = JSON.parse(text) as { reason?: unknown }
    if (typeof reason === 'string' && reason !== '') return quoted(reason, 500)
  } catch {
    // Words of its own, then.
  }
  return quoted(text, 500) || 'without a reason'
}
