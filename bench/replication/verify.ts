import { verify } from '@banyan/replication'
import { median } from '../statistics.ts'
import { type Measured, type MeasureOptions, perSecond } from './measurement.ts'
import { fillItems, ITEM, Rig } from './rig.ts'

/** Rows/s of a comparison of all rows of both sides, while nothing else goes on. */
export async function measureVerify(options: MeasureOptions): Promise<Measured> {
  const { rows, rounds } = options.sizes
  return Rig.with(options.supervisor, async (rig) => {
    const source = await rig.database(rig.source, 'verified')
    const target = await rig.database(rig.target, 'verified')
    for (const { pool } of [source, target]) await pool.query(ITEM)
    await fillItems(source.pool, rows)
    const { link, tables } = await rig.stream(source, target)
    await link.prepare()
    link.start()
    await link.copy()
    await target.pool.query('VACUUM ANALYZE public.item')
    const rates: number[] = []
    for (let round = 1; round <= rounds; round++) {
      const report = await verify({
        tables,
        source: source.pool,
        target: target.pool,
        forward: link,
        reverse: link,
      })
      if (report.divergent > 0 || report.rows !== rows) {
        throw new Error(
          `verify looked at ${report.rows} of ${rows} rows and found ${report.divergent} that differ`,
        )
      }
      rates.push(Math.round(report.rowsPerSecond))
    }
    const rate = median(rates)
    return {
      figures: { verifyRowsPerSecond: rate },
      details: { rows, rowsPerSecond: rates },
      lines: [['verify', perSecond(rate, 'rows')]],
      notes: ['verify: a 64-bit hash of every row is computed on each side and compared'],
    }
  })
}
