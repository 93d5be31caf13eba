import { BanyanError } from '@banyan/contracts'
import {
  FolderSide,
  type ObjectSide,
  openObjectStore,
  type SideName,
  StoreSide,
} from '@banyan/objects'
import { createPool } from '@banyan/postgres'
import type { ObjectPlace, ResolvedObjects } from './objects-plan.ts'
import { RowsSide } from './rows-side.ts'

/** Sessions that list rows; one at a time reads them all. */
const SESSIONS = 2

/**
 * @param databases of the two sides, where the plan has them
 * @throws BanyanError BAD_PLAN, BAD_OBJECT_STORE, OBJECT_STORE_FAILED; what `open` of the plan throws
 */
export async function openSides(
  { source, target }: ResolvedObjects,
  databases: Readonly<Record<SideName, string | null>>,
): Promise<Record<SideName, ObjectSide>> {
  const opened = await openSide(source, 'source', databases.source)
  try {
    return { source: opened, target: await openSide(target, 'target', databases.target) }
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** One of them. @throws as `openSides` */
export async function openSide(
  place: ObjectPlace,
  side: SideName,
  database: string | null,
): Promise<ObjectSide> {
  const { rows } = place
  const databaseUrl = rows && (rows.databaseUrl ?? database)
  if (databaseUrl === null) {
    throw new BanyanError('BAD_PLAN', {
      where: `objects.${side}.rows.databaseUrl`,
      reason: 'the service of this extraction has no database in the plan, so the rows need one',
    })
  }
  const content = await openPlace(place)
  if (!rows || !databaseUrl) return content
  const pool = createPool(databaseUrl, { name: `banyan/objects/${side}`, max: SESSIONS })
  return new RowsSide(pool, rows, content)
}

async function openPlace(place: ObjectPlace): Promise<ObjectSide> {
  if ('folder' in place) return new FolderSide(place.folder, place.ownerSegment ?? null)
  if ('open' in place) return place.open()
  const { store: url, masterKeys, prefix, ownerSegment } = place
  // It signs nothing.
  const store = await openObjectStore({ url, masterKeys, publicUrl: 'http://127.0.0.1' })
  // Of an URL the path alone: a query may carry what is nobody's business.
  const name = `store ${url.split('?', 1)[0]}`
  return new StoreSide(store, {
    name,
    ...(prefix === undefined ? {} : { prefix }),
    ...(ownerSegment === undefined ? {} : { ownerSegment }),
  })
}
