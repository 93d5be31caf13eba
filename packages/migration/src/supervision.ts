import { BanyanError } from '@banyan/contracts'
import type { ExtractionDependencies } from './dependencies.ts'
import { Extraction } from './extraction.ts'
import { type Lease, sleep } from './lease.ts'
import { DeposedError } from './ledger.ts'
import { initialStatus } from './report.ts'

/**
 * Waits before an extraction that failed is taken up again, ms; the last one repeats. It stays well below
 * the 10 s in which it must own its buckets again once its databases are back.
 */
const RETRY_MS = [200, 500, 1_000, 2_000, 3_000]
/** One that worked for so long before it failed begins with the first wait again, ms. */
const STEADY_MS = 10_000

export type SupervisionOptions = Omit<ExtractionDependencies, 'token'> & {
  readonly lease: Lease
  readonly signal: AbortSignal
}

/**
 * Drives one extraction for a term of the engine. Whenever it fails (a database went away, a reply was
 * lost) it is taken up anew under a token of its own, beside others that go on undisturbed
 * (docs/decisions/018).
 *
 * @throws DeposedError when the term is over.
 */
export async function supervise(options: SupervisionOptions): Promise<void> {
  const { lease, term, signal } = options
  let failures = 0
  let since = ''
  let seen = 0n
  while (!signal.aborted) {
    const began = Date.now()
    try {
      const token = await lease.issue(term, seen)
      await new Extraction({ ...options, token }).run(signal)
    } catch (error) {
      if (error instanceof DeposedError) throw error
      if (signal.aborted) return
      if (Date.now() - began > STEADY_MS) failures = 0
      if (++failures === 1) since = new Date().toISOString()
      seen = tokenSeen(error) ?? seen
      await tell(options, error as Error, failures, since)
      await sleep(RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]!, signal)
    }
  }
}

/** What a database answered that knows a higher token than ours. */
function tokenSeen(error: unknown): bigint | null {
  const stale = error instanceof BanyanError && error.code === 'STALE_TOKEN'
  return stale ? BigInt(String(error.values.highest)) : null
}

/** In the log, the status and, once for each series of failures, the ledger. */
async function tell(
  { plan, log, store, ledger, term }: SupervisionOptions,
  error: Error,
  failures: number,
  since: string,
): Promise<void> {
  // A refused connection to a name with several addresses has no message of its own.
  const why = error.message || (error as { code?: string }).code || error.name
  log.error({ err: error, extraction: plan.name, failures }, 'the extraction is taken up anew')
  try {
    const row = await store.read(plan.name)
    await store.writeStatus(plan.name, {
      ...(row.status ?? initialStatus(row, plan.kind)),
      waitsFor: [`recovery: ${why}`],
      trouble: { why, since, failures },
    })
    if (failures === 1) {
      await ledger.append(plan.name, term, [{ kind: 'fact', what: 'interrupted', detail: { why } }])
    }
  } catch (failure) {
    if (failure instanceof DeposedError) throw failure
    // The control database is away: the log has it, and the lease tells the engine.
  }
}
