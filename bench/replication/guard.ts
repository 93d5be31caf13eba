import { guardOverhead } from '../guard.ts'
import type { Measured, MeasureOptions } from './measurement.ts'
import { SERVER_SETTINGS } from './rig.ts'
import { rounded } from './statistics.ts'

/** What the guard adds to the application's own writes. */
export async function measureGuard({ supervisor, sizes }: MeasureOptions): Promise<Measured> {
  const server = await supervisor.postgres({ settings: SERVER_SETTINGS })
  try {
    const { rounds, guardWrites: writes, guardBulkRows: bulkRows } = sizes
    const found = await guardOverhead({ server, rounds, writes, bulkRows })
    const { single, bulk, bulkUpdate, microsPerWrite, writesPerSecond } = found
    const percent = (share: number) =>
      `${Math.abs(rounded(share * 100, 1))} % ${share < 0 ? 'shorter' : 'longer'} with the guard`
    const micros = (table: 'bare' | 'guarded') => `${rounded(microsPerWrite[table], 1)} µs`
    const rate = (table: 'bare' | 'guarded') => Math.round(writesPerSecond[table])
    return {
      figures: {
        guardOverhead: rounded(single),
        guardBulk: { insert: rounded(bulk), update: rounded(bulkUpdate) },
      },
      details: {
        writes,
        bulkRows,
        microsPerWrite,
        writesPerSecond,
        rounds: Object.fromEntries(
          Object.entries(found.rounds).map(([name, all]) => [name, all.map((one) => rounded(one))]),
        ),
      },
      lines: [
        [
          'single-row writes',
          `${percent(single)}: ${rate('bare')}/s without, ${rate('guarded')}/s with`,
        ],
        [`INSERT of ${bulkRows} rows`, percent(bulk)],
        [`UPDATE of ${bulkRows} rows`, percent(bulkUpdate)],
        ['one INSERT on the server', `${micros('bare')} without, ${micros('guarded')} with`],
      ],
      notes: [
        'guard: single-row autocommit inserts and updates by primary key over the wire, 4 clients, each waiting for the disk; the tables have a primary key and no other index, which makes the guard weigh most',
      ],
    }
  } finally {
    await server.stop()
  }
}
