import { setTimeout as delay } from 'node:timers/promises'
import { BanyanError } from '@banyan/contracts'
import { createPool, type Pool, type PoolClient, sqlState, transaction } from '@banyan/postgres'
import {
  type MovedTables,
  movedTables,
  type Plan,
  resolveExtraction,
  resolvePlan,
} from '../plan.ts'
import type { ExtractionStatus } from '../status.ts'
import { type DropPreview, type Neighbour, previewDrop } from './dependents.ts'
import type { ArchiveSeal } from './manifest.ts'
import { changedSince } from './write.ts'

export interface DropOptions {
  /** Of the monolith. */
  readonly pool: Pool
  readonly plan: MovedTables
  readonly neighbours: readonly Neighbour[]
  readonly seal: ArchiveSeal
  /** Goes on though texts of functions name the tables. */
  readonly despiteFunctions: boolean
}

/** Readers wait behind us for so long at most, ms; then they go on, and it is tried again. */
const LOCK_TIMEOUT_MS = 500
const LOCK_ATTEMPTS = 40
const LOCK_NOT_AVAILABLE = '55P03'
/** Between two attempts, ms. */
const LOCK_PAUSE_MS = 250

/**
 * What dropping the source's tables of an extraction would do now, and what stands against it. Reads only.
 *
 * @throws BanyanError BAD_PLAN, NO_SUCH_EXTRACTION
 */
export async function inspectDrop(
  plan: Plan,
  extraction: string,
  known: readonly Pick<ExtractionStatus, 'extraction' | 'phase'>[],
): Promise<DropPreview> {
  const resolved = movedTables(resolveExtraction(plan, extraction))
  const neighbours = resolvePlan(plan).map((one) => ({
    plan: movedTables(one),
    phase: known.find((status) => status.extraction === one.name)?.phase ?? ('planned' as const),
  }))
  const pool = createPool(plan.monolith.databaseUrl, { name: 'banyan/drop', max: 1 })
  try {
    const look = (client: PoolClient) => previewDrop(client, resolved, neighbours)
    return await transaction(pool, look, 'BEGIN READ ONLY')
  } finally {
    await pool.end()
  }
}

/**
 * Drops the source's tables of an extraction in one transaction: nobody writes them from the moment they are held
 * against their archive until they are gone.
 *
 * @returns the statement that was run; null when none of the tables was there any more.
 * @throws BanyanError DROP_REFUSED, with all that stands against it.
 */
export async function dropTables(options: DropOptions): Promise<string | null> {
  const { pool, plan, neighbours, seal, despiteFunctions } = options
  const work = async (client: PoolClient) => {
    const found = await previewDrop(client, plan, neighbours)
    // Dropped already, by an engine that could not say so any more.
    if (found.sql === null) return null
    if (found.missing.length > 0)
      throw refused(plan.name, `${found.missing.join(', ')} is not there`)
    const against = found.dependents.filter((one) => !(despiteFunctions && one.known === 'text'))
    if (against.length > 0) {
      throw refused(plan.name, against.map(({ what, mend }) => `${what} (${mend})`).join('; '))
    }
    const names = found.tables.map(({ table }) => table).join(', ')
    // Readers go on; who writes waits, and finds no table then.
    await withShortLock(client, plan.name, `LOCK TABLE ${names} IN SHARE MODE`)
    const changed = await changedSince(client, plan, seal)
    if (changed) {
      throw refused(plan.name, `${changed} since the archive was written: archive them again`)
    }
    await withShortLock(client, plan.name, found.sql)
    return found.sql
  }
  // Whatever the role's own setting: what is read after the lock must be what is there then.
  return transaction(pool, work, 'BEGIN ISOLATION LEVEL READ COMMITTED')
}

/** A lock that is not to be had in a moment is let go, with what waits behind it, and asked for again. */
async function withShortLock(client: PoolClient, extraction: string, sql: string): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
  for (let attempt = 1; ; attempt++) {
    await client.query('SAVEPOINT before_lock')
    try {
      await client.query(sql)
      return
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) {
        throw refused(extraction, `PostgreSQL says: ${(error as Error).message}`)
      }
      if (attempt === LOCK_ATTEMPTS) {
        throw refused(
          extraction,
          'somebody uses the tables all the time; find out who, and ask again',
        )
      }
      await client.query('ROLLBACK TO SAVEPOINT before_lock')
      await delay(LOCK_PAUSE_MS)
    }
  }
}

function refused(extraction: string, reason: string): BanyanError {
  return new BanyanError('DROP_REFUSED', { extraction, reason })
}
