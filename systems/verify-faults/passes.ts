import { setTimeout as delay } from 'node:timers/promises'
import { type Divergence, paced, repairRow, verify } from '@banyan/replication'
import { FAULT_KINDS, type Fault, type FaultKind, faultId, type Injector } from './faults.ts'
import type { TrialPair } from './pair.ts'

export interface Findings {
  passes: number
  rows: number
  /** Time at work, s; its throttle's pauses do not count. */
  workSeconds: number
  settled: number
  injected: Record<FaultKind, number>
  found: Record<FaultKind, number>
  /** In rows that are written all the time. */
  hot: { injected: number; found: number; healed: number }
  /** Faults whose bucket was handed over before they were found. */
  acrossHandover: number
  repaired: number
  /** In words, the first 50. */
  falseAlarms: number
  missed: number
  examples: string[]
}

/** Divergences a pass reports in full; far more than faults are there at a time. */
const KEEP = 100_000
/** Repaired at once. */
const REPAIRS = 8
/** A hot row that was not reported must be equal by then. */
const HEALED_LOOKS = 200

const zeroes = () =>
  Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>

/** Compares all rows again and again, and holds each report against what was injected. */
export class Passes {
  readonly findings: Findings = {
    passes: 0,
    rows: 0,
    workSeconds: 0,
    settled: 0,
    injected: zeroes(),
    found: zeroes(),
    hot: { injected: 0, found: 0, healed: 0 },
    acrossHandover: 0,
    repaired: 0,
    falseAlarms: 0,
    missed: 0,
    examples: [],
  }
  readonly #pair: TrialPair
  readonly #injector: Injector
  readonly #pace: (workedMs: number) => Promise<void>
  /** Repaired after the last pass: the next one must find them equal. */
  #mended: Fault[] = []

  constructor(pair: TrialPair, injector: Injector, share: number) {
    this.#pair = pair
    this.#injector = injector
    this.#pace = paced({ share: () => share, behind: () => false })
  }

  count(faults: readonly Fault[]): void {
    for (const fault of faults) {
      if (fault.hot) this.findings.hot.injected++
      else this.findings.injected[fault.kind]++
    }
  }

  /** One comparison of all rows; then each fault it reported is repaired. */
  async pass(): Promise<void> {
    const began = performance.now()
    const movesBefore = Uint32Array.from(this.#pair.moves)
    const { source, target } = this.#pair.pools
    const { tables, forward, reverse } = this.#pair
    const sides = { tables, source, target, forward, reverse }
    const report = await verify({ ...sides, keep: KEEP, chunkRows: 2_000, pace: this.#pace })
    const { findings } = this
    findings.passes++
    findings.rows += report.rows
    findings.settled += report.settled
    findings.workSeconds += report.rows / report.rowsPerSecond

    const reported = new Map<Fault, Divergence>()
    for (const one of report.divergences) {
      const fault = this.#injector.active.get(faultId(one.table, one.key))
      if (!fault) this.#alarm(`not injected: ${describe(one)}`)
      else if (!this.#agrees(fault, one, movesBefore))
        this.#alarm(`${fault.shows} ${fault.columns} was injected: ${describe(one)}`)
      else reported.set(fault, one)
    }
    findings.repaired += this.#mended.length
    this.#mended = []
    await this.#settleUnreported(began, reported)
    const left = [...reported]
    await Promise.all(
      Array.from({ length: REPAIRS }, async () => {
        for (let next = left.pop(); next; next = left.pop()) await this.#repair(...next)
      }),
    )
  }

  /** Whether the report says what was injected; seen from the other side when the bucket was handed over since. */
  #agrees(fault: Fault, one: Divergence, movesBefore: Uint32Array): boolean {
    const mirrored = { missing: 'extra', extra: 'missing', changed: 'changed', swapped: 'swapped' }
    const now = this.#pair.moves[fault.bucket]!
    const moving = movesBefore[fault.bucket] !== now || now % 2 === 1
    const owner = this.#pair.ownerOf(fault.table.owner(fault.n))
    const plain = one.kind === fault.shows
    const seen = one.kind === mirrored[fault.shows]
    const kind = moving ? plain || seen : owner === fault.side ? seen : plain
    // The application may have written other columns of a hot row on one side only, by then.
    const columns = fault.hot
      ? fault.columns.every((name) => one.columns.includes(name))
      : [...one.columns].sort().join() === [...fault.columns].sort().join()
    return (kind || fault.hot) && columns
  }

  async #settleUnreported(began: number, reported: ReadonlyMap<Fault, Divergence>): Promise<void> {
    for (const fault of [...this.#injector.active.values()]) {
      if (reported.has(fault) || fault.injectedAt === null || fault.injectedAt >= began) continue
      if (fault.hot && (await this.#isEqual(fault))) {
        this.findings.hot.healed++
        this.#injector.forget(fault, false)
        continue
      }
      this.findings.missed++
      this.#example(
        `missed: ${fault.kind} (${fault.shows} ${fault.columns}) in ${fault.table.spec.source} (${fault.key.join(', ')}) at the ${fault.side}`,
      )
      // Not looked for again: once missed is missed.
      this.#injector.active.delete(faultId(fault.table.spec.source, fault.key))
    }
  }

  async #repair(fault: Fault, one: Divergence): Promise<void> {
    const { source, target } = this.#pair.pools
    const { tables, forward, reverse } = this.#pair
    const table = tables.find((candidate) => candidate.spec.source === one.table)!
    const options = { table, key: one.key, source, target, forward, reverse }
    let repaired = await repairRow(options)
    // Refused: its bucket was given to the side written, in just this moment.
    while (repaired === 'refused') {
      await delay(20)
      repaired = await repairRow(options)
    }
    const { findings } = this
    if (fault.hot) findings.hot.found++
    else findings.found[fault.kind]++
    if (this.#pair.moves[fault.bucket] !== fault.moves) findings.acrossHandover++
    this.#mended.push(fault)
    this.#injector.forget(fault, repaired === 'deleted')
  }

  /** Looks at both sides, as the application does: neither through the streams nor through verify. */
  async #isEqual({ table, key }: Fault): Promise<boolean> {
    const match = Object.entries(table.key).map(
      ([name, type], i) => `t."${name}" = $${i + 1}::${type}`,
    )
    const text = `SELECT t::text AS row FROM ${table.spec.source} t WHERE ${match.join(' AND ')}`
    for (let look = 0; look < HEALED_LOOKS; look++) {
      const [here, there] = await Promise.all(
        [this.#pair.pools.source, this.#pair.pools.target].map((pool) =>
          pool.query<{ row: string }>(text, [...key]),
        ),
      )
      if (here!.rows[0]?.row === there!.rows[0]?.row) return true
      await delay(10)
    }
    return false
  }

  #alarm(what: string): void {
    this.findings.falseAlarms++
    this.#example(`false alarm: ${what}`)
  }

  #example(what: string): void {
    if (this.findings.examples.length < 50) this.findings.examples.push(what)
  }
}

function describe({ table, key, kind, columns }: Divergence): string {
  return `${table} (${key.join(', ')}): ${kind} ${columns.join(', ')}`
}
