import { setTimeout as delay } from 'node:timers/promises'
import { BucketSet } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import type { SideName } from '@banyan/replication'
import { parseBarrier } from '../barrier.ts'
import type { BucketState, Ownership } from '../sides.ts'
import type { Trace, TraceEvent } from './trace.ts'

/*
 * Triggers on the tables the protocol lives in. They write within the recorded transactions, so that
 * nothing stands in the record that did not commit, and a kill -9 takes nothing out of it. ALWAYS, since
 * appliers run as replicas.
 */
const TRIGGERS = `
  CREATE SCHEMA protocol_trace;
  CREATE TABLE protocol_trace.event (
    n bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), detail jsonb NOT NULL
  );
  CREATE FUNCTION protocol_trace.note_token() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO protocol_trace.event (detail) 
      VALUES (jsonb_build_object('kind', 'token', 'extraction', NEW.extraction, 'token', NEW.token));
    RETURN NULL;
  END $$;
  CREATE FUNCTION protocol_trace.note_flip() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO protocol_trace.event (detail)
      SELECT jsonb_build_object('kind', 'flip', 'extraction', o.extraction,
               'from', jsonb_build_object('state', o.state, 'epoch', o.epoch),
               'to', jsonb_build_object('state', n.state, 'epoch', n.epoch), 'buckets', jsonb_agg(o.bucket))
        FROM o JOIN n USING (extraction, bucket) GROUP BY o.extraction, o.state, o.epoch, n.state, n.epoch;
    RETURN NULL;
  END $$;
  CREATE FUNCTION protocol_trace.note_barrier() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO protocol_trace.event (detail)
      VALUES (jsonb_build_object('kind', 'barrier', 'extraction', NEW.extraction, 'barrier', NEW.barrier));
    RETURN NULL;
  END $$;
  CREATE TRIGGER note AFTER UPDATE ON banyan.token FOR EACH ROW EXECUTE FUNCTION protocol_trace.note_token();
  CREATE TRIGGER note AFTER UPDATE ON banyan.ownership REFERENCING OLD TABLE AS o NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION protocol_trace.note_flip();
  CREATE TRIGGER note AFTER INSERT ON banyan.barrier FOR EACH ROW EXECUTE FUNCTION protocol_trace.note_barrier();
  ALTER TABLE banyan.token ENABLE ALWAYS TRIGGER note;
  ALTER TABLE banyan.ownership ENABLE ALWAYS TRIGGER note;
  ALTER TABLE banyan.barrier ENABLE ALWAYS TRIGGER note;
`

type Detail =
  | { kind: 'token'; token: number }
  | { kind: 'flip'; from: Ownership; to: Ownership; buckets: number[] }
  | { kind: 'barrier'; barrier: string }

/** The two databases of an extraction; several extractions may share one. */
export interface Recorded {
  readonly extraction: string
  readonly source: Queryable
  readonly target: Queryable
}

const LOOK_MS = 20

/**
 * Records what the protocol does to the databases of a test, to be replayed against its model. Nothing
 * of it is meant for production: it is one more write for each flip.
 */
export class Recorder {
  readonly #recorded: readonly Recorded[]
  readonly #tokens = new Map<string, number>()

  private constructor(recorded: readonly Recorded[]) {
    this.#recorded = recorded
  }

  /**
   * Begins as soon as every extraction is installed, and before anything is handed over. A database that
   * cannot be reached meanwhile is asked again.
   *
   * @throws Error when something was handed over already; the signal's reason when it came first.
   */
  static async start(recorded: readonly Recorded[], signal: AbortSignal): Promise<Recorder> {
    const recorder = new Recorder(recorded)
    await Promise.all(
      recorded.map(async (one) => recorder.#tokens.set(one.extraction, await begun(one, signal))),
    )
    return recorder
  }

  /** What was recorded until now, by extraction; the extractions themselves may have ended. */
  async read(): Promise<Map<string, Trace>> {
    const traces = new Map<string, Trace>()
    for (const { extraction, source, target } of this.#recorded) {
      const sides = await Promise.all([
        readEvents(source, 'source', extraction),
        readEvents(target, 'target', extraction),
      ])
      const token = this.#tokens.get(extraction)!
      traces.set(extraction, { token, events: merge(sides[0], sides[1]) })
    }
    return traces
  }
}

class TooLateError extends Error {}

/** The token that the record of an extraction begins with. */
async function begun(recorded: Recorded, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted()
    const token = await begin(recorded).catch((error: Error) => {
      if (error instanceof TooLateError) throw error
      return null
    })
    if (token !== null) return token
    await delay(LOOK_MS, undefined, { signal })
  }
}

/** @returns the token it begins with; null when it is not installed on both sides yet. */
async function begin({ extraction, source, target }: Recorded): Promise<number | null> {
  const tokens: (number | null)[] = []
  // The source last: while it is untouched no barrier of it can have been among what the target forgot.
  for (const [db, state, epoch] of [
    [target, 'closed', 0],
    [source, 'open', 1],
  ] as const) {
    tokens.push(await beginAt(db, extraction, state, epoch))
  }
  // Different while an engine is taking over: begun again, and what was recorded so far is forgotten.
  return tokens[0] === tokens[1] ? tokens[0]! : null
}

async function beginAt(
  db: Queryable,
  extraction: string,
  state: BucketState,
  epoch: number,
): Promise<number | null> {
  const { rows: tables } = await db.query<{ installed: boolean; watched: boolean }>(
    `SELECT to_regclass('banyan.token') IS NOT NULL AS installed,
            to_regclass('protocol_trace.event') IS NOT NULL AS watched`,
  )
  if (!tables[0]!.installed) return null
  if (!tables[0]!.watched) await db.query(TRIGGERS)
  // Read and forgotten in one statement: what comes after it is in the record, and what was before is not.
  const { rows } = await db.query<{ token: number | null; untouched: boolean | null }>(
    `WITH forgotten AS (DELETE FROM protocol_trace.event WHERE detail ->> 'extraction' = $1)
     SELECT (SELECT token::float8 FROM banyan.token WHERE extraction = $1) AS token,
            (SELECT bool_and(state = $2 AND epoch = $3) FROM banyan.ownership WHERE extraction = $1) AS untouched`,
    [extraction, state, epoch],
  )
  const { token, untouched } = rows[0]!
  if (untouched === null) return null
  if (!untouched) throw new TooLateError(`"${extraction}" was handed over before it was recorded`)
  return token
}

interface Timed {
  readonly at: string
  readonly event: TraceEvent
}

async function readEvents(db: Queryable, side: SideName, extraction: string): Promise<Timed[]> {
  const { rows } = await db.query<{ at: string; detail: Detail }>(
    `SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS at, detail
       FROM protocol_trace.event WHERE detail ->> 'extraction' = $1 ORDER BY n`,
    [extraction],
  )
  return rows.map(({ at, detail }) => ({ at, event: toEvent(detail, side) }))
}

function toEvent(detail: Detail, side: SideName): TraceEvent {
  if (detail.kind === 'token') return { kind: 'token', side, token: detail.token }
  if (detail.kind === 'flip') {
    const { from, to, buckets } = detail
    return { kind: 'flip', side, from, to, buckets: BucketSet.of(buckets) }
  }
  const { epoch, buckets } = parseBarrier(detail.barrier)
  return { kind: 'barrier', side: side === 'source' ? 'target' : 'source', epoch, buckets }
}

/**
 * One order of both records. The databases share this machine's clock, and what was caused by another
 * event came after it; of two that caused each other in no way, either order is one that could have been.
 */
function merge(a: readonly Timed[], b: readonly Timed[]): TraceEvent[] {
  const merged: TraceEvent[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const first = j >= b.length || (i < a.length && a[i]!.at <= b[j]!.at)
    merged.push(first ? a[i++]!.event : b[j++]!.event)
  }
  return merged
}
