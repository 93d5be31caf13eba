import { BanyanError } from '@banyan/contracts'
import { inspectRow, type RowInspection, type RowOptions, repairRow } from '@banyan/replication'
import type { TablesDependencies } from './dependencies.ts'
import type { Live } from './live.ts'
import { nameOf } from './repair-desk.ts'
import type { RepairRequest } from './requests.ts'
import type { RepairAnswer } from './status.ts'

/** How often the desk is looked at, ms; a person waits. */
const LOOK_MS = 200
/** Well within the time after which a request is withdrawn, ms. */
const JUDGED_MS = 4_000

/** Repairs rows that operators ask for, one after the other beside everything else. */
export class RowRepairs {
  readonly #d: TablesDependencies
  #working: Promise<void> | null = null
  #lookAt = 0

  constructor(dependencies: TablesDependencies) {
    this.#d = dependencies
  }

  /** @param onRepaired called after a row was written. */
  tick(live: Live, onRepaired: () => void): void {
    if (this.#working || Date.now() < this.#lookAt) return
    this.#working = this.#work(live, onRepaired)
      .catch((error: Error) => this.#d.log.warn({ err: error }, 'a repair will be tried again'))
      .finally(() => {
        this.#working = null
        this.#lookAt = Date.now() + LOOK_MS
      })
  }

  async atRest(): Promise<void> {
    await this.#working
  }

  async #work(live: Live, onRepaired: () => void): Promise<void> {
    const { repairs, plan } = this.#d
    for (let next = await repairs.next(plan.name); next; next = await repairs.next(plan.name)) {
      try {
        const done = await this.#repair(live, next.request)
        await repairs.answer(next.id, { done })
        onRepaired()
      } catch (error) {
        if (!(error instanceof BanyanError)) throw error
        await repairs.answer(next.id, { code: error.code, values: error.values })
      }
    }
  }

  async #repair(live: Live, request: RepairRequest): Promise<RepairAnswer> {
    const { name: extraction } = this.#d.plan
    const table = live.tables.find((one) => one.spec.source === request.table)
    if (!table) {
      throw new BanyanError('NO_SUCH_TABLE', {
        given: request.table,
        extraction,
        known: live.tables.map((one) => one.spec.source).join(', '),
      })
    }
    const { source, target, forward, reverse } = live
    const sides = { source: source.pool, target: target.pool, forward, reverse }
    const options: RowOptions = { ...sides, table, key: request.key }
    const found = await inspectRow(options, AbortSignal.timeout(JUDGED_MS)).catch(
      (error: Error) => {
        if (error.name !== 'TimeoutError') throw error
        throw refused(nameOf(request), 'it changes too fast, or a stream stands still; try again')
      },
    )
    const row = nameOf({ table: request.table, key: found.key })
    const { owner, divergence } = repairable(row, found)
    const other = owner === 'source' ? 'target' : 'source'
    const { kind, columns } = divergence
    const detail = { row, kind, columns, owner, written: other, by: request.by ?? 'unknown' }
    const why = request.why === undefined ? {} : { why: request.why }
    await this.#tell('intent', { ...detail, ...why })
    const outcome = await repairRow({ ...options, key: found.key })
    await this.#tell('fact', { row, outcome })
    if (outcome === 'refused') {
      throw refused(row, `its bucket was opened at the ${other}, which would have been written`)
    }
    const after = await inspectRow({ ...options, key: found.key })
    if (after.divergence) {
      throw refused(row, `it was ${outcome} and still differs: ${after.divergence.kind}`)
    }
    const values = request.values ? { values: found.values } : {}
    return { row, kind, columns, owner, written: other, outcome, ...values }
  }

  #tell(kind: 'intent' | 'fact', detail: Record<string, unknown>): Promise<void> {
    const { ledger, plan, term } = this.#d
    return ledger.append(plan.name, term, [{ kind, what: 'repair', detail }])
  }
}

function repairable(row: string, { exists, owner, divergence }: RowInspection) {
  if (!exists) {
    throw new BanyanError('NOTHING_TO_REPAIR', { row, reason: 'neither side has such a row' })
  }
  if (!owner) throw refused(row, 'its bucket is being handed over; try again in a moment')
  if (!divergence) {
    throw new BanyanError('NOTHING_TO_REPAIR', { row, reason: 'it is equal on both sides' })
  }
  return { owner, divergence }
}

function refused(row: string, reason: string): BanyanError {
  return new BanyanError('REPAIR_REFUSED', { row, reason })
}
