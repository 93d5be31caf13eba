import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Fault } from './faults.ts'
import { isStep } from './faults.ts'

/** An entry of the ledger to be waited for: the intent of a step, the fact of a phase. */
export interface Moment {
  readonly extraction: string
  readonly kind: 'intent' | 'fact'
  readonly what: string
  /** The side that gives, of a handover's step. */
  readonly from: 'source' | 'target' | null
}

const LOOK_MS = 10

/** The entry that a fault waits for; null when it comes some time after the operator asked. */
export function momentOf({ place, extraction, direction }: Fault): Moment | null {
  if (place === 'copying' || place === 'rolling back') return null
  if (isStep(place)) {
    const from = direction === 'to target' ? 'source' : 'target'
    return { extraction, kind: 'intent', what: place, from }
  }
  if (place === 'completing') return { extraction, kind: 'intent', what: 'complete', from: null }
  if (place === 'cancelling') return { extraction, kind: 'intent', what: 'cancel', from: null }
  return { extraction, kind: 'fact', what: place, from: null }
}

/**
 * Holds the engine at a named step, so that a fault strikes there and not some milliseconds later:
 * the ledger's table in the control database gets a trigger that waits, while it writes that step's
 * entry, for a lock of ours. The engine itself knows nothing of it.
 */
export class StepGate {
  readonly #url: string
  #client: pg.Client | null = null

  constructor(controlUrl: string) {
    this.#url = controlUrl
  }

  async install(): Promise<void> {
    await (await this.#connected()).query(`
      CREATE SCHEMA trial;
      CREATE TABLE trial.armed (extraction text, kind text, what text, giver text);
      CREATE FUNCTION trial.wait() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF EXISTS (SELECT FROM trial.armed a
                    WHERE a.extraction = NEW.extraction AND a.kind = NEW.kind AND a.what = NEW.what
                      AND (a.giver IS NULL OR a.giver = NEW.detail ->> 'from')) THEN
          PERFORM pg_advisory_xact_lock_shared(4711, 1);
        END IF;
        RETURN NULL;
      END $$;
      CREATE TRIGGER trial_wait AFTER INSERT ON banyan_control.ledger
        FOR EACH ROW EXECUTE FUNCTION trial.wait()`)
  }

  /** From now on the engine stops at that moment. */
  async arm({ extraction, kind, what, from }: Moment): Promise<void> {
    const client = await this.#connected()
    await client.query('SELECT pg_advisory_lock(4711, 1)')
    await client.query('INSERT INTO trial.armed VALUES ($1, $2, $3, $4)', [
      extraction,
      kind,
      what,
      from,
    ])
  }

  /** Resolves with true when the engine stands there; false when the signal came first. */
  async reached(signal: AbortSignal): Promise<boolean> {
    const client = await this.#connected()
    while (!signal.aborted) {
      const { rowCount } = await client.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711 AND NOT granted`,
      )
      if (rowCount) return true
      await delay(LOOK_MS)
    }
    return false
  }

  /** Lets it go on; also after the server died with everything we held. */
  async release(): Promise<void> {
    const client = await this.#connected()
    await client.query('DELETE FROM trial.armed')
    await client.query('SELECT pg_advisory_unlock_all()')
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => {})
    this.#client = null
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client
    const client = new pg.Client({ connectionString: this.#url })
    const forget = () => {
      if (this.#client === client) this.#client = null
    }
    client.on('error', forget)
    client.on('end', forget)
    await client.connect()
    this.#client = client
    return client
  }
}
