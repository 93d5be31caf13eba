import { guardOverhead } from '../guard.ts'
import { rounded } from '../statistics.ts'
import type { Measured, MeasureOptions } from './measurement.ts'
import { SERVER_SETTINGS } from './rig.ts'

/** What the guard adds to the application's own writes. */
export async function measureGuard({ supervisor, sizes }: MeasureOptions): Promise<Measured> {
  const server = await supervisor.postgres({ settings: SERVER_SETTINGS })
  try {
    const { rounds, guardWrites: writes, guardBulkRows: bulkRows } = sizes
    const found = await guardOverhead({ server, rounds, writes, bulkRows })
    const { single, bulk, bulkUpdate, microsPerWrite, writesPerSecond } = found
    const longer = ({ whole, split }: typeof single) =>
      `${rounded(whole * 100, 1)} % longer with the guard, ${rounded(split * 100, 1)} % once a bucket is another's`
    const each = (figures: typeof microsPerWrite, digits: number, unit: string) => {
      const [bare, whole, split] = [figures.bare, figures.whole, figures.split].map(
        (figure) => `${rounded(figure, digits)}${unit}`,
      )
      return `${bare} without, ${whole} with, ${split} once a bucket is another's`
    }
    return {
      figures: {
        guardOverhead: rounded(single.whole),
        guardSplit: rounded(single.split),
        guardBulk: { insert: rounded(bulk.whole), update: rounded(bulkUpdate.whole) },
      },
      details: { writes, bulkRows, microsPerWrite, writesPerSecond, single, bulk, bulkUpdate },
      lines: [
        ['single-row writes', `${longer(single)}: ${each(writesPerSecond, 0, '/s')}`],
        [`INSERT of ${bulkRows} rows`, longer(bulk)],
        [`UPDATE of ${bulkRows} rows`, longer(bulkUpdate)],
        ['one INSERT on the server', each(microsPerWrite, 1, ' µs')],
      ],
      notes: [
        'guard: single-row autocommit inserts and updates by primary key over the wire, 4 clients, each waiting for the disk; the tables have a primary key and no other index, which makes the guard weigh most',
      ],
    }
  } finally {
    await server.stop()
  }
}
