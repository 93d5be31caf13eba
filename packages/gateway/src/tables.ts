import { BanyanError, type RouteTable, type TableAcknowledgement } from '@banyan/contracts'
import { InFlight } from './in-flight.ts'
import { type CompiledTable, compileTable, sideOf } from './route-table.ts'
import { ExtractionCounters } from './stats.ts'
import type { Upstreams } from './upstreams.ts'

/** What the gateway knows of an extraction beyond the table that names it. */
export class ExtractionState {
  readonly counters = new ExtractionCounters()
  readonly inFlight = new InFlight()
}

/** Below every table there can be. */
const NONE = { token: -1, version: -1, extractions: [] }

/** The newest route table, and what must happen when it changes. */
export class Tables {
  readonly states = new Map<string, ExtractionState>()
  readonly #upstreams: Upstreams
  readonly #onChange: (table: CompiledTable) => void
  #current: CompiledTable | null = null
  /** Of the newest table's content, to tell a repetition from another table under the same version. */
  #text = ''

  /** @param onChange called once the new table is in place. */
  constructor(upstreams: Upstreams, onChange: (table: CompiledTable) => void) {
    this.#upstreams = upstreams
    this.#onChange = onChange
  }

  get current(): CompiledTable | null {
    return this.#current
  }

  /** Of the newest table; zeros while there is none. */
  get version(): { readonly token: number; readonly version: number } {
    const { token, version } = this.#current?.table ?? NONE
    return { token: Math.max(token, 0), version: Math.max(version, 0) }
  }

  state(extraction: string): ExtractionState {
    let state = this.states.get(extraction)
    if (!state) {
      state = new ExtractionState()
      this.states.set(extraction, state)
    }
    return state
  }

  /**
   * Takes a table over when it is newer than the current one; the current one given again changes nothing.
   *
   * @throws BanyanError STALE_TOKEN when an older one is given, BAD_REQUEST when its routes clash.
   */
  adopt(table: RouteTable): void {
    const text = JSON.stringify(table)
    const newest = this.#current?.table
    if (newest) {
      const same = table.token === newest.token && table.version === newest.version
      if (same && text === this.#text) return
      const older = table.token === newest.token && table.version <= newest.version
      if (table.token < newest.token || older) {
        throw new BanyanError('STALE_TOKEN', {
          held: `${table.token} (table version ${table.version})`,
          highest: `${newest.token} (table version ${newest.version})`,
        })
      }
    }
    const compiled = compileTable(table, this.#upstreams)
    const before = this.#current
    this.#current = compiled
    this.#text = text
    for (const extraction of compiled.extractions) this.state(extraction.name)
    if (before) trustNewOwners(before, compiled)
    this.#upstreams.keepOnly([
      compiled.monolith,
      ...compiled.extractions.flatMap(({ source, target }) => [source, target]),
    ])
    this.#onChange(compiled)
    this.#endMisplacedStreams(compiled)
  }

  /** Everything to one place, until a table comes. */
  begin(monolith: string): void {
    this.#current ??= compileTable({ ...NONE, monolith }, this.#upstreams)
  }

  /**
   * Waits up to `drainMs` until what the current table's holds are about has left its sides.
   *
   * @param only one extraction's hold; all when null.
   */
  async acknowledge(
    gateway: string,
    drainMs: number,
    only: string | null,
    held: () => number,
  ): Promise<TableAcknowledgement> {
    const { table, extractions } = this.#current!
    const counts = await Promise.all(
      extractions.map(({ name, hold }) =>
        hold && (only === null || only === name)
          ? this.state(name).inFlight.drained(hold, drainMs)
          : 0,
      ),
    )
    const inFlight = counts.reduce((sum, count) => sum + count, 0)
    return {
      gateway,
      token: table.token,
      version: table.version,
      drained: inFlight === 0,
      inFlight,
      held: held(),
    }
  }

  /** Ends the streams of every moved route: who owns their rows is not known any more. */
  endStreams(): void {
    for (const { inFlight } of this.states.values()) inFlight.endStreams(() => true)
  }

  #endMisplacedStreams(table: CompiledTable): void {
    for (const [name, { inFlight }] of this.states) {
      const extraction = table.extractions.find((one) => one.name === name)
      inFlight.endStreams(
        ({ bucket, side }) => side !== (extraction ? sideOf(extraction, bucket) : 'source'),
      )
    }
  }
}

/**
 * A side that failed, and was left for it, is given users again when somebody finds it mended. Its breaker would still let one request
 * through at a time: the others that were held for the handover would be refused, and counted against it.
 */
function trustNewOwners(before: CompiledTable, now: CompiledTable): void {
  for (const { name, source, target, targetBuckets } of now.extractions) {
    const held = before.extractions.find((one) => one.name === name)?.targetBuckets
    if (!held) continue
    if (targetBuckets.minus(held).size > 0) target.guard.beginAnew()
    if (held.minus(targetBuckets).size > 0) source.guard.beginAnew()
  }
}
