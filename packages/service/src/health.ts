import type { CircuitState } from '@banyan/contracts'
import { rootCause } from './failures.ts'
import { withoutSecrets } from './secrets.ts'

/** A check that does not answer within this time has failed, ms. */
const CHECK_TIMEOUT_MS = 2_000

/** One thing a service needs, or likes to have. */
export interface Check {
  readonly name: string
  /** Without it the service is not ready. */
  readonly required: boolean
  check(): Promise<unknown>
  /** Of a called service: whether it is being asked. Shown, and decides nothing. */
  circuit?(): CircuitState
}

export interface CheckResult {
  readonly name: string
  readonly ok: boolean
  readonly required: boolean
  readonly ms: number
  readonly circuit?: CircuitState
  readonly error?: string
}

export interface Readiness {
  readonly status: 'ready' | 'not ready' | 'stopping'
  readonly checks: readonly CheckResult[]
}

/** Whether the service can do its work now. */
export class Health {
  readonly #checks: readonly Check[]
  #stopping = false
  #asking: Promise<Readiness> | null = null

  constructor(checks: readonly Check[]) {
    this.#checks = checks
  }

  /** From now on it is not ready, whatever its checks say. */
  stop(): void {
    this.#stopping = true
  }

  get stopping(): boolean {
    return this.#stopping
  }

  /** Asks all at once; who asks meanwhile gets the same answer, so that probes load nothing. */
  async readiness(): Promise<Readiness> {
    if (this.#stopping) return { status: 'stopping', checks: [] }
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  async #ask(): Promise<Readiness> {
    const checks = await Promise.all(this.#checks.map(ask))
    const ready = checks.every(({ ok, required }) => ok || !required)
    return { status: ready ? 'ready' : 'not ready', checks }
  }
}

async function ask({ name, required, check, circuit }: Check): Promise<CheckResult> {
  const start = performance.now()
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    const late = () => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`))
    timer = setTimeout(late, CHECK_TIMEOUT_MS)
  })
  const error = await Promise.race([check(), tooLate]).then(
    () => null,
    (failure: unknown) => rootCause(failure),
  )
  clearTimeout(timer)
  const ms = Math.round(performance.now() - start)
  const shown = circuit ? { circuit: circuit() } : {}
  if (!error) return { name, ok: true, required, ms, ...shown }
  const reason = error.message || (error as NodeJS.ErrnoException).code || error.name
  return { name, ok: false, required, ms, ...shown, error: withoutSecrets(reason) }
}
