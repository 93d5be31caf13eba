import { BucketSet } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import type { SideName } from '@banyan/replication'
import { parseBarrier } from '../barrier.ts'
import type { BucketState } from '../sides.ts'
import type { Trace, TraceEvent } from './trace.ts'

/*
 * Triggers on the tables the protocol lives in. They write within the recorded transactions, so that
 * nothing stands in the record that did not commit, and a kill -9 takes nothing out of it. ALWAYS, since
 * appliers run as replicas.
 */
const TRIGGERS = `
  DROP SCHEMA IF EXISTS banyan_trace CASCADE;
  CREATE SCHEMA banyan_trace;
  CREATE TABLE banyan_trace.event (
    n bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), detail jsonb NOT NULL
  );
  CREATE FUNCTION banyan_trace.note_token() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO banyan_trace.event (detail) 
      VALUES (jsonb_build_object('kind', 'token', 'extraction', NEW.extraction, 'token', NEW.token));
    RETURN NULL;
  END $$;
  CREATE FUNCTION banyan_trace.note_flip() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO banyan_trace.event (detail)
      SELECT jsonb_build_object('kind', 'flip', 'extraction', o.extraction,
               'from', jsonb_build_object('state', o.state, 'epoch', o.epoch),
               'to', jsonb_build_object('state', n.state, 'epoch', n.epoch), 'buckets', jsonb_agg(o.bucket))
        FROM o JOIN n USING (extraction, bucket) GROUP BY o.extraction, o.state, o.epoch, n.state, n.epoch;
    RETURN NULL;
  END $$;
  CREATE FUNCTION banyan_trace.note_barrier() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO banyan_trace.event (detail)
      VALUES (jsonb_build_object('kind', 'barrier', 'extraction', NEW.extraction, 'barrier', NEW.barrier));
    RETURN NULL;
  END $$;
  CREATE TRIGGER note AFTER UPDATE ON banyan.token FOR EACH ROW EXECUTE FUNCTION banyan_trace.note_token();
  CREATE TRIGGER note AFTER UPDATE ON banyan.ownership REFERENCING OLD TABLE AS o NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION banyan_trace.note_flip();
  CREATE TRIGGER note AFTER INSERT ON banyan.barrier FOR EACH ROW EXECUTE FUNCTION banyan_trace.note_barrier();
  ALTER TABLE banyan.token ENABLE ALWAYS TRIGGER note;
  ALTER TABLE banyan.ownership ENABLE ALWAYS TRIGGER note;
  ALTER TABLE banyan.barrier ENABLE ALWAYS TRIGGER note;
`

type Recorded = { at: string; extraction: string } & (
  | { kind: 'token'; token: number }
  | {
      kind: 'flip'
      from: { state: BucketState; epoch: number }
      to: { state: BucketState; epoch: number }
      buckets: number[]
    }
  | { kind: 'barrier'; barrier: string }
)

/**
 * Records what the protocol does to both databases of a test, to be replayed against its model. Nothing
 * of it is meant for production: it is one more write for each flip.
 */
export class Recorder {
  readonly #sides: Readonly<Record<SideName, Queryable>>
  readonly #tokens = new Map<string, number>()

  private constructor(sides: Readonly<Record<SideName, Queryable>>) {
    this.#sides = sides
  }

  /**
   * Begins, before the first handover.
   *
   * @returns null as long as not every extraction is installed on both sides, under one token.
   * @throws Error when something was handed over already.
   */
  static async start(
    source: Queryable,
    target: Queryable,
    extractions: readonly string[],
  ): Promise<Recorder | null> {
    const recorder = new Recorder({ source, target })
    for (const extraction of extractions) {
      const token = await tokenOf(source, extraction)
      if (token === null || (await tokenOf(target, extraction)) !== token) return null
      const untouched =
        (await allAre(source, extraction, 'open', 1)) &&
        (await allAre(target, extraction, 'closed', 0))
      if (untouched === null) return null
      if (!untouched) throw new Error(`"${extraction}" is not as it was at its registration`)
      recorder.#tokens.set(extraction, token)
    }
    await source.query(TRIGGERS)
    await target.query(TRIGGERS)
    return recorder
  }

  /** What was recorded of an extraction until now; the extraction itself may have ended. */
  async read(extraction: string): Promise<Trace> {
    const token = this.#tokens.get(extraction)
    if (token === undefined) throw new Error(`"${extraction}" is not recorded`)
    const sides = await Promise.all(
      (['source', 'target'] as const).map(async (side) => {
        const recorded = await readEvents(this.#sides[side])
        return recorded.flatMap((one) => toEvent(one, side, extraction))
      }),
    )
    return { token, events: merge(sides[0]!, sides[1]!) }
  }

  async stop(): Promise<void> {
    for (const db of Object.values(this.#sides)) await db.query('DROP SCHEMA banyan_trace CASCADE')
  }
}

async function tokenOf(db: Queryable, extraction: string): Promise<number | null> {
  const installed = await db.query<{ there: boolean }>(
    `SELECT to_regclass('banyan.token') IS NOT NULL AS there`,
  )
  if (!installed.rows[0]!.there) return null
  const { rows } = await db.query<{ token: number }>(
    'SELECT token::float8 FROM banyan.token WHERE extraction = $1',
    [extraction],
  )
  return rows[0]?.token ?? null
}

/** @returns null when there are none. */
async function allAre(
  db: Queryable,
  extraction: string,
  state: BucketState,
  epoch: number,
): Promise<boolean | null> {
  const { rows } = await db.query<{ all: boolean | null }>(
    'SELECT bool_and(state = $2 AND epoch = $3) AS all FROM banyan.ownership WHERE extraction = $1',
    [extraction, state, epoch],
  )
  return rows[0]!.all
}

async function readEvents(db: Queryable): Promise<Recorded[]> {
  const { rows } = await db.query<{ event: Recorded }>(
    `SELECT detail || jsonb_build_object('at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')) AS event
       FROM banyan_trace.event ORDER BY n`,
  )
  return rows.map((row) => row.event)
}

interface Timed {
  readonly at: string
  readonly event: TraceEvent
}

function toEvent(recorded: Recorded, side: SideName, extraction: string): Timed[] {
  const { at } = recorded
  if (recorded.extraction !== extraction) return []
  if (recorded.kind === 'token') {
    return [{ at, event: { kind: 'token', side, token: recorded.token } }]
  }
  if (recorded.kind === 'flip') {
    const { from, to, buckets } = recorded
    return [{ at, event: { kind: 'flip', side, from, to, buckets: BucketSet.of(buckets) } }]
  }
  const { epoch, buckets } = parseBarrier(recorded.barrier)
  const writer = side === 'source' ? 'target' : 'source'
  return [{ at, event: { kind: 'barrier', side: writer, epoch, buckets } }]
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
