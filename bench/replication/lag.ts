import type { Pool } from '@banyan/postgres'
import { spread, until } from '../statistics.ts'
import type { Measured, MeasureOptions } from './measurement.ts'
import { NativeSubscription, publishNatively } from './native.ts'
import { type Database, fillItems, ITEM, ITEM_SPEC, Rig } from './rig.ts'

const PER_SECOND = 2_000
const WRITERS = 4
const ROWS = 100_000
const WARM_UP_SECONDS = 2
const ROUNDS = 2
/** How much longer than the load a window may take, s, until what is not there counts as never arrived. */
const PATIENCE_SECONDS = 30

/** Each writer's transactions, numbered, with the time they were written at. */
const EVENT = `CREATE TABLE public.event (
  writer int, n bigint, owner text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (writer, n))`

/** One writer at its own pace: it makes up for a commit that took long, so that the rate stays. */
const WRITE = `CREATE PROCEDURE public.write_steadily(writer int, first bigint, seconds int, per_second int)
  LANGUAGE plpgsql AS $$
  DECLARE began timestamptz := clock_timestamp(); early float8;
  BEGIN
    FOR i IN 0..seconds * per_second - 1 LOOP
      early := extract(epoch FROM began + i * interval '1 s' / per_second - clock_timestamp());
      IF early > 0 THEN PERFORM pg_sleep(early); END IF;
      INSERT INTO public.event VALUES (writer, first + i, 'user-' || writer, clock_timestamp());
      UPDATE public.item SET n = n + 1 WHERE id = 1 + (i * 37 + writer * 7919) % ${ROWS};
      COMMIT;
    END LOOP;
  END $$`

/** In the server, since a client that asks every 2 ms would take a core from what it watches. */
const WATCH = `CREATE FUNCTION public.watch(writers int, last bigint, seconds int)
  RETURNS TABLE (writer int, n text, seen_ms float8) LANGUAGE plpgsql AS $$
  DECLARE
    newest bigint;
    known bigint[] := array_fill(0::bigint, ARRAY[writers]);
    deadline timestamptz := clock_timestamp() + seconds * interval '1 s';
  BEGIN
    LOOP
      FOR w IN 1..writers LOOP
        SELECT max(e.n) INTO newest FROM public.event e WHERE e.writer = w;
        CONTINUE WHEN newest IS NULL OR newest = known[w];
        known[w] := newest;
        writer := w;
        n := newest;
        seen_ms := extract(epoch FROM clock_timestamp()) * 1000;
        RETURN NEXT;
      END LOOP;
      EXIT WHEN last <= ALL (known) OR clock_timestamp() > deadline;
      PERFORM pg_sleep(0.002);
    END LOOP;
  END $$`

/** From a transaction being written to its being visible on the other side, for every one of them. */
export async function measureLag(options: MeasureOptions): Promise<Measured> {
  const { lagSeconds } = options.sizes
  return Rig.with(options.supervisor, async (rig) => {
    const source = await rig.database(rig.source, 'steady')
    const ours = await rig.database(rig.target, 'ours')
    const native = await rig.database(rig.target, 'native')
    for (const { pool } of [source, ours, native]) {
      await pool.query(ITEM)
      await pool.query(EVENT)
    }
    for (const { pool } of [ours, native]) await pool.query(WATCH)
    for (const { pool } of [source, native]) await fillItems(pool, ROWS)
    await source.pool.query(WRITE)
    const { link } = await rig.stream(source, ours, [
      ITEM_SPEC,
      { source: 'public.event', target: 'public.event', owner: 'owner' },
    ])
    await link.prepare()
    link.start()
    await link.copy()
    await link.stop()
    await publishNatively(source, ['public.item', 'public.event'])
    const subscription = new NativeSubscription(source, native)
    await subscription.create({ copy: false, enabled: false })

    let written = 0
    /** One window of the load, watched at one side. */
    const watch = async (side: Database, seconds: number): Promise<Window> => {
      const first = written + 1
      written += (seconds * PER_SECOND) / WRITERS
      await rig.settle()
      return watchWindow(source.pool, side.pool, { first, last: written, seconds })
    }
    const contenders = {
      async ours(seconds: number) {
        link.start()
        await link.probe(60_000)
        const window = await watch(ours, seconds)
        await link.stop()
        return window
      },
      async native(seconds: number) {
        await subscription.enable()
        if (written > 0) await caughtUp(native.pool, written)
        const window = await watch(native, seconds)
        await subscription.disable()
        return window
      },
    }
    const windows: Record<keyof typeof contenders, Window[]> = { ours: [], native: [] }
    for (const name of ['ours', 'native'] as const) await contenders[name](WARM_UP_SECONDS)
    for (let round = 1; round <= ROUNDS; round++) {
      for (const name of ['ours', 'native'] as const) {
        windows[name].push(await contenders[name](lagSeconds))
      }
    }
    await subscription.drop()
    return report(windows)
  })
}

interface Window {
  readonly lagsMs: readonly number[]
  readonly transactionsPerSecond: number
}

async function watchWindow(
  source: Pool,
  side: Pool,
  { first, last, seconds }: { first: number; last: number; seconds: number },
): Promise<Window> {
  const watching = side.query<{ writer: number; n: string; seen_ms: number }>(
    'SELECT * FROM public.watch($1, $2, $3)',
    [WRITERS, last, seconds + PATIENCE_SECONDS],
  )
  const writers = Array.from({ length: WRITERS }, (_, i) =>
    source.query(
      `CALL public.write_steadily(${i + 1}, ${first}, ${seconds}, ${PER_SECOND / WRITERS})`,
    ),
  )
  // Both at once: a failure of one must not be an unhandled rejection while the other is waited for.
  const [seen] = await Promise.all([watching, ...writers])
  const { rows: events } = await source.query<{ writer: number; n: string; at_ms: number }>(
    `SELECT writer, n, extract(epoch FROM at)::float8 * 1000 AS at_ms FROM public.event
      WHERE n BETWEEN $1 AND $2 ORDER BY n`,
    [first, last],
  )
  const lagsMs: number[] = []
  for (let writer = 1; writer <= WRITERS; writer++) {
    const looks = seen.rows.filter((look) => look.writer === writer)
    let look = 0
    for (const event of events.filter((one) => one.writer === writer)) {
      while (look < looks.length && Number(looks[look]!.n) < Number(event.n)) look++
      if (look === looks.length)
        throw new Error(`transaction ${event.n} of writer ${writer} never arrived`)
      lagsMs.push(looks[look]!.seen_ms - event.at_ms)
    }
  }
  const times = events.map((event) => event.at_ms)
  const took = Math.max(...times.slice(-WRITERS)) - Math.min(...times.slice(0, WRITERS))
  return { lagsMs, transactionsPerSecond: (events.length * 1000) / took }
}

async function caughtUp(side: Pool, last: number): Promise<void> {
  await until(
    'the native subscription has caught up',
    async () => {
      const { rows } = await side.query<{ n: string | null }>(
        'SELECT max(n) AS n FROM public.event',
      )
      return Number(rows[0]!.n) >= last
    },
    60_000,
  )
}

function report(windows: Record<'ours' | 'native', readonly Window[]>): Measured {
  const of = (name: 'ours' | 'native') => {
    const all = windows[name]
    return {
      ...spread(all.flatMap((window) => window.lagsMs)),
      transactionsPerSecond: Math.round(Math.min(...all.map((one) => one.transactionsPerSecond))),
    }
  }
  const [ours, native] = [of('ours'), of('native')]
  const line = (one: typeof ours) =>
    `p50 ${one.p50} ms, p99 ${one.p99} ms, at most ${one.max} ms at ${one.transactionsPerSecond} transactions/s`
  return {
    figures: {
      lagMs: {
        p50: ours.p50,
        p99: ours.p99,
        max: ours.max,
        transactionsPerSecond: ours.transactionsPerSecond,
        nativeP50: native.p50,
        nativeP99: native.p99,
        nativeMax: native.max,
        nativeTransactionsPerSecond: native.transactionsPerSecond,
      },
    },
    details: {
      rounds: (['ours', 'native'] as const).map((name) => ({
        name,
        windows: windows[name].map((window) => ({
          ...spread(window.lagsMs),
          transactionsPerSecond: Math.round(window.transactionsPerSecond),
        })),
      })),
    },
    lines: [
      ['Link', line(ours)],
      ['native', line(native)],
    ],
    notes: [
      `lag: ${WRITERS} sessions write 1 insert and 1 update a transaction, ${PER_SECOND} transactions/s in all; from the statement to the row being visible on the other side, which is looked at every 2 ms; the source's own commit is part of it`,
    ],
  }
}
