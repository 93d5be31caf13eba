import { CallError } from '@banyan/service'
import type { Context } from './context.ts'
import type { IndexedDocument } from './engine.ts'

/** A MOC as its service has it. */
export interface RecentMoc
  extends Pick<
    IndexedDocument,
    'id' | 'title' | 'description' | 'tags' | 'theme' | 'author' | 'pieces'
  > {
  /** When it was changed, ms since 1970. */
  readonly version: number
}

/** What somebody did to MOCs just now: their own searches see it before events have told of it. */
export interface Recent {
  readonly changed: readonly RecentMoc[]
  /** Ids. */
  readonly deleted: readonly string[]
}

/**
 * Asks MOC management what the user who searches did within the last 10 s.
 *
 * @returns null for nothing that the table does not know; also where nobody answers in time
 */
export async function recentOf({ clients, config, pool, log }: Context): Promise<Recent | null> {
  if (clients.moc === null) return null
  try {
    const { changed, deleted } = await clients.moc.recentMocs(
      {},
      { timeoutMs: config.MOC_TIMEOUT_MS },
    )
    if (changed.length + deleted.length === 0) return null
    const mocs = changed.map(({ totalPieceCount: pieces, updatedAt, ...moc }): RecentMoc => {
      const { id, title, description, tags, theme, author } = moc
      return { id, title, description, tags, theme, author, pieces, version: Date.parse(updatedAt) }
    })
    const outdated = await outdatedOf(pool, mocs)
    return { changed: mocs.filter(({ id }) => !outdated.has(id)), deleted }
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    // Its circuit is logged and counted by itself.
    log.debug({ code: error.code }, 'MOC management does not answer: a search goes by events alone')
    return null
  }
}

/**
 * Those that the table knows better: while a capability moves, its service may have the rows later than we do.
 * What is deleted stays so.
 */
async function outdatedOf(
  pool: Context['pool'],
  mocs: readonly RecentMoc[],
): Promise<ReadonlySet<string>> {
  if (mocs.length === 0) return new Set()
  const { rows } = await pool.query<{ id: string }>(
    // LIMIT says how few they are (see documents.ts).
    `SELECT d.id
       FROM (SELECT id, version FROM jsonb_to_recordset($1::jsonb) AS k (id text, version bigint) LIMIT $2) AS r
       JOIN search.documents AS d ON d.type = 'moc' AND d.id = r.id
      WHERE d.deleted_at IS NOT NULL OR (d.versions ->> 'title')::bigint > r.version`,
    [JSON.stringify(mocs.map(({ id, version }) => ({ id, version }))), mocs.length],
  )
  return new Set(rows.map(({ id }) => id))
}
