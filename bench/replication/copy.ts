import { compare, interleave } from '../statistics.ts'
import { type Measured, type MeasureOptions, perSecond } from './measurement.ts'
import { NativeSubscription, publishNatively } from './native.ts'
import { pgcopydbInstalled, pgcopydbTableData } from './pgcopydb.ts'
import { pipe } from './pipe.ts'
import { type Database, digest, fillItems, ITEM, Rig, requireDigest } from './rig.ts'

/** A copy that has not ended by then never will, ms. */
const WITHIN_MS = 600_000

/** Rows/s of `Link.copy` against `COPY | COPY` and the native initial sync, into a fresh database each. */
export async function measureCopy(options: MeasureOptions): Promise<Measured> {
  const { rows, rounds } = options.sizes
  return Rig.with(options.supervisor, async (rig) => {
    const source = await rig.database(rig.source, 'copied')
    await source.pool.query(ITEM)
    await fillItems(source.pool, rows)
    const expected = await digest(source.pool)
    await publishNatively(source, ['public.item'])
    const { rows: sizes } = await source.pool.query<{ bytes: string }>(
      "SELECT pg_total_relation_size('public.item') AS bytes",
    )

    /** A fresh database with the empty table; `copy` answers how long it took, ms. */
    const into = async (name: string, copy: (target: Database) => Promise<number>) => {
      const target = await rig.database(rig.target, name)
      await target.pool.query(ITEM)
      await rig.settle()
      const ms = await copy(target)
      await requireDigest(name, expected, target.pool)
      await rig.drop(target)
      return (rows * 1000) / ms
    }

    const contenders: Record<string, () => Promise<number>> = {
      ours: () =>
        into('ours', async (target) => {
          const { link } = await rig.stream(source, target)
          const began = performance.now()
          await link.prepare()
          link.start()
          await link.copy()
          const ms = performance.now() - began
          await link.drop()
          await link.close()
          return ms
        }),
      copyPipe: () => into('piped', (target) => pipe(source.url, target.url, 'public.item')),
      nativeSync: () =>
        into('native', async (target) => {
          const subscription = new NativeSubscription(source, target)
          const began = performance.now()
          await subscription.create({ copy: true })
          await subscription.synchronised(WITHIN_MS)
          const ms = performance.now() - began
          await subscription.drop()
          return ms
        }),
    }
    if (await pgcopydbInstalled()) {
      contenders.pgcopydb = () =>
        into('pgcopydb', (target) => pgcopydbTableData(source.url, target.url, 'public.item'))
    }
    const measured = await interleave(rounds, contenders)

    const piped = compare(measured, 'ours', 'copyPipe')
    const native = compare(measured, 'ours', 'nativeSync')
    const other = contenders.pgcopydb ? compare(measured, 'ours', 'pgcopydb') : null
    return {
      figures: {
        copy: {
          ratioToCopyPipe: piped.ratio,
          ratioToNativeSync: native.ratio,
          ...(other ? { ratioToPgcopydb: other.ratio } : {}),
          rowsPerSecond: piped.ours,
          copyPipeRowsPerSecond: piped.peer,
          nativeSyncRowsPerSecond: native.peer,
          ...(other ? { pgcopydbRowsPerSecond: other.peer } : {}),
        },
      },
      details: {
        rows,
        tableMb: Math.round(Number(sizes[0]!.bytes) / 2 ** 20),
        copyPipe: piped.rounds,
        nativeSync: native.rounds,
        ...(other ? { pgcopydb: other.rounds } : {}),
      },
      lines: [
        ['Link.copy', perSecond(piped.ours, 'rows')],
        ['COPY | COPY', `${perSecond(piped.peer, 'rows')}; ours is ${piped.ratio} of it`],
        ['native initial sync', `${perSecond(native.peer, 'rows')}; ours is ${native.ratio} of it`],
        ...(other
          ? [
              [
                'pgcopydb',
                `${perSecond(other.peer, 'rows')}; ours is ${other.ratio} of it`,
              ] as const,
            ]
          : []),
      ],
      notes: [
        'copy: both tables have their primary key and, for ours, guards on both sides; ours is timed from creating the slot to the last chunk committed, the native sync from CREATE SUBSCRIPTION to state "r", COPY | COPY from its first byte to its commit',
        'copy: rows are not hashed while they are copied; verify hashes every row of both sides afterwards and is timed by itself',
        ...(other
          ? ['copy: pgcopydb copies with one job, and its time includes a VACUUM ANALYZE']
          : []),
      ],
    }
  })
}
