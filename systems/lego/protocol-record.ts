import { Recorder, type Replayed, replay } from '@banyan/migration/conformance'
import pg from 'pg'
import { PROVED } from './faults.ts'
import type { Lego } from './topology.ts'

/** What a run did to its databases, held against the model of the protocol. */
export interface Conformance {
  readonly events: number
  readonly histories: number
  readonly deviations: number
  /** In words. */
  readonly findings: readonly string[]
}

/** Records both extractions of a run from their installation on. */
export class ProtocolRecord {
  readonly #pools: readonly pg.Pool[]
  readonly #abort = new AbortController()
  readonly #recorder: Promise<Recorder>

  constructor(urls: Lego['urls']) {
    const pool = (url: string) => {
      const made = new pg.Pool({ connectionString: url, max: 2 })
      // A database is killed now and then: its idle connections end, and are made anew.
      made.on('error', () => {})
      return made
    }
    const source = pool(urls.monolith)
    const targets = PROVED.map((extraction) => ({
      extraction,
      target: pool(urls[extraction]),
    }))
    this.#pools = [source, ...targets.map(({ target }) => target)]
    const recorded = targets.map(({ extraction, target }) => ({ extraction, source, target }))
    this.#recorder = Recorder.start(recorded, this.#abort.signal)
    // Heard when it is asked for.
    this.#recorder.catch(() => {})
  }

  /** Replays what was recorded until now. */
  async judge(): Promise<Conformance> {
    const traces = await (await this.#recorder).read()
    const replayed = [...traces].map(([name, trace]) => ({ name, ...replay(trace) }))
    const sum = (of: (one: Replayed) => number) => replayed.reduce((all, one) => all + of(one), 0)
    return {
      events: sum((one) => one.events),
      histories: sum((one) => one.histories),
      deviations: sum((one) => one.deviations.length),
      findings: replayed.flatMap(({ name, deviations }) =>
        deviations.map(
          ({ bucket, step, before, allowed }) =>
            `${name}, bucket ${bucket}: the model cannot do "${step}" after ${before.join('; ')}; it could: ${allowed.join('; ')}`,
        ),
      ),
    }
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.#recorder.catch(() => {})
    await Promise.all(this.#pools.map((pool) => pool.end()))
  }
}
