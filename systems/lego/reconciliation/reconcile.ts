import { setTimeout as delay } from 'node:timers/promises'
import { type ControlClient, ControlError, type Phase } from '@banyan/migration'
import pg from 'pg'
import { COMPARED, type ComparedTable, compareTable } from '../comparison.ts'
import type { RowsName } from '../topology.ts'
import {
  type Dangling,
  findDangling,
  type Holder,
  type LinkKeeper,
  type Patience,
  removeDangling,
} from './dangling.ts'

export interface ReconcileOptions {
  readonly control: Pick<ControlClient, 'status' | 'repair'>
  /** Databases: the monolith's, and each service's by the name of its extraction. */
  readonly urls: Readonly<Record<'monolith' | RowsName, string>>
  readonly extractions: readonly RowsName[]
  /** The MOC Management Service; where it is not given, links to what is not there are told and stay. */
  readonly links?: LinkKeeper
  /** Who asks for repairs, for the ledger. */
  readonly by: string
  readonly patience?: Patience
}

export interface TableReport {
  readonly extraction: RowsName
  readonly table: string
  readonly compared: number
  /** Rows that differ still. */
  readonly differing: number
  /** Rows that differed and were made what they are on their owner's side. */
  readonly repaired: number
  /** At most 20 of those that differ still. */
  readonly examples: readonly string[]
}

export interface ReconciliationReport {
  readonly at: string
  readonly compared: number
  readonly differing: number
  readonly repaired: number
  readonly tables: readonly TableReport[]
  /** Extractions with nothing to compare: not begun, or ended, since when the old rows stand still. */
  readonly passed: readonly { readonly extraction: RowsName; readonly phase: Phase }[]
  /** Images and albums that are not there and were linked; they are no more. */
  readonly unlinked: number
  /** Links to images and albums that are not there. */
  readonly dangling: Dangling
}

/** Both sides are kept equal by the streams. */
const LIVE: readonly Phase[] = ['shadowing', 'canary', 'cut over', 'soaking', 'rolled back']
/** Before a copy ends, or after it was taken back, the service has nothing to go by. */
const AT_MONOLITH: readonly Phase[] = ['planned', 'copying', 'cancelled', 'abandoned']
/** More are counted; nobody looks at them one by one. */
const MOST = 1_000
const EXAMPLES = 20
/** A stream, or an event, has come by then. */
const PATIENCE: Patience = { looks: 12, apartMs: 500 }

/**
 * Compares the monolith's tables with what the services have, makes rows that differ what they are on their
 * owner's side, and has links to what is not there taken out. Rows of an extraction that is completed are not compared: the
 * monolith's stand still since then.
 */
export async function reconcile(options: ReconcileOptions): Promise<ReconciliationReport> {
  const { control, urls, extractions } = options
  const known = new Map(
    (await control.status()).extractions.map((one) => [one.extraction, one.phase]),
  )
  const phaseOf = (name: RowsName): Phase => known.get(name) ?? 'planned'
  const holder = (name: RowsName): Holder =>
    AT_MONOLITH.includes(phaseOf(name))
      ? { side: 'source', url: urls.monolith }
      : { side: 'target', url: urls[name] }
  const [mocs, images] = [holder('moc'), holder('gallery')]
  const patience = options.patience ?? PATIENCE
  // First: what is taken out at the service goes back to the monolith, which is compared with it below.
  const unlinked =
    options.links && mocs.side === 'target' && images.side === 'target'
      ? await removeDangling(mocs, images, patience, options.links)
      : 0
  const tables: TableReport[] = []
  const passed: { extraction: RowsName; phase: Phase }[] = []
  for (const extraction of extractions) {
    const phase = phaseOf(extraction)
    if (!LIVE.includes(phase)) passed.push({ extraction, phase })
    else {
      for (const table of COMPARED[extraction]) {
        tables.push(await reconcileTable(options, extraction, table))
      }
    }
  }
  const sum = (of: (table: TableReport) => number) => tables.reduce((all, one) => all + of(one), 0)
  return {
    at: new Date().toISOString(),
    compared: sum((one) => one.compared),
    differing: sum((one) => one.differing),
    repaired: sum((one) => one.repaired),
    tables,
    passed,
    unlinked,
    dangling: await findDangling(mocs, images, patience),
  }
}

async function reconcileTable(
  { control, urls, by, patience = PATIENCE }: ReconcileOptions,
  extraction: RowsName,
  table: ComparedTable,
): Promise<TableReport> {
  const [source, target] = [urls.monolith, urls[extraction]]
  const keys: string[] = []
  const { divergent, ...counts } = await compareTable(table, source, target, (key) => {
    if (keys.length < MOST) keys.push(key)
  })
  const look = (those: readonly string[]) => stillDiffering(table, source, target, those, patience)
  const lasting = await look(keys)
  for (const key of lasting) {
    await control
      .repair(extraction, { table: table.table, key: key.split('/'), by, why: 'reconciliation' })
      .catch((error: Error) => {
        // Its owner has changed it since, or it is being handed over: what is left of it is seen below.
        if (!(error instanceof ControlError && error.problem.status === 409)) throw error
      })
  }
  const left = lasting.length > 0 ? await look(lasting) : []
  return {
    extraction,
    table: table.table,
    compared: Math.max(counts.source, counts.target),
    differing: left.length + Math.max(0, divergent - keys.length),
    repaired: lasting.length - left.length,
    examples: left.slice(0, EXAMPLES),
  }
}

/** Those of the rows that differ each time they are looked at. */
async function stillDiffering(
  table: ComparedTable,
  source: string,
  target: string,
  keys: readonly string[],
  { looks, apartMs }: Patience,
): Promise<readonly string[]> {
  let left = keys
  for (let look = 0; look < looks && left.length > 0; look++) {
    if (look > 0) await delay(apartMs)
    const [mine, theirs] = await Promise.all([
      readSome(source, table.source.some, left),
      readSome(target, table.target.some, left),
    ])
    left = left.filter((key) => mine.get(key) !== theirs.get(key))
  }
  return left
}

async function readSome(
  url: string,
  sql: string,
  keys: readonly string[],
): Promise<Map<string, string>> {
  const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' })
  await client.connect()
  try {
    const { rows } = await client.query<{ key: string; value: string }>(sql, [keys])
    return new Map(rows.map(({ key, value }) => [key, value]))
  } finally {
    await client.end()
  }
}
