import { CallError, type Log, madeOnce } from '@banyan/service'
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import type { Context } from './context.ts'
import { type Db, fail } from './fail.ts'
import { goneFromGallery, type Link, pendingLinks } from './schema.ts'

const KINDS = ['image', 'album'] as const
export type Kind = (typeof KINDS)[number]

/** What Gallery says of the ids that a MOC is to link; undefined: the MOC's links of that kind stay. */
export type Verdicts = Readonly<Record<Kind, Verdict | undefined>>

export interface Verdict {
  readonly ids: readonly string[]
  /** Those that are not there. */
  readonly missing: readonly string[]
  /** Whether Gallery could not be asked: nothing is known of any. */
  readonly pending: boolean
}

type Gallery = Context['clients']['gallery']

/** Which of them there are. @throws CallError when Gallery does not answer */
export async function askGallery(
  gallery: Gallery,
  kind: Kind,
  ids: readonly string[],
): Promise<readonly string[]> {
  const call = kind === 'image' ? gallery.existingImages : gallery.existingAlbums
  return (await call({ body: { ids: [...ids] } })).existing
}

/** Asks Gallery, before a transaction is open; where it does not answer, the links are pending. */
export async function checkLinks(
  { clients, log }: Pick<Context, 'clients'> & { readonly log: Pick<Log, 'warn'> },
  wanted: {
    readonly galleryImageIds?: readonly string[] | undefined
    readonly galleryAlbumIds?: readonly string[] | undefined
  },
): Promise<Verdicts> {
  const judge = async (kind: Kind, ids?: readonly string[]): Promise<Verdict | undefined> => {
    if (ids === undefined || ids.length === 0) return ids && { ids, missing: [], pending: false }
    try {
      const existing = new Set(await askGallery(clients.gallery, kind, ids))
      return { ids, missing: ids.filter((id) => !existing.has(id)), pending: false }
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      log.warn({ kind, code: error.code }, 'Gallery does not answer: links are stored as pending')
      return { ids, missing: [], pending: true }
    }
  }
  const [image, album] = await Promise.all([
    judge('image', wanted.galleryImageIds),
    judge('album', wanted.galleryAlbumIds),
  ])
  return { image, album }
}

/**
 * Whoever writes links to an image, or an album, shares it until it commits; whoever hears that it was deleted has
 * it alone. So a deletion either finds the link, or is found by who writes it. Both take it before they lock a
 * MOC's row, in the order of the ids: nobody waits in a circle.
 */
export async function shareLinks(db: Db, verdicts: Verdicts): Promise<void> {
  const ids = linkedBy(verdicts)
  // Who writes none waits for nobody: most MOCs are created without.
  if (ids.length === 0) return
  await db.execute(
    sql`SELECT pg_advisory_xact_lock_shared(${lockOf(sql`id`)}) FROM unnest(${sql.param(ids.toSorted())}::text[]) AS id`,
  )
}

/** As `shareLinks` says: alone. */
export async function claimLinks(db: Db, galleryId: string): Promise<void> {
  await db.execute(sql`SELECT pg_advisory_xact_lock(${lockOf(sql`${galleryId}::text`)})`)
}

const lockOf = (id: SQL) => sql`hashtextextended('link to ' || ${id}, 0)`

const linkedBy = (verdicts: Verdicts) =>
  [verdicts.image, verdicts.album].flatMap((verdict) => verdict?.ids ?? [])

/**
 * Refuses links to what is not there, or was deleted since Gallery was asked.
 *
 * @throws ServiceError UNKNOWN_REFERENCE
 */
export async function requireThere(db: Db, verdicts: Verdicts): Promise<void> {
  const all = linkedBy(verdicts)
  if (all.length === 0) return
  const rows = await db
    .select({ id: goneFromGallery.id })
    .from(goneFromGallery)
    .where(inArray(goneFromGallery.id, all))
  const gone = new Set(rows.map((row) => row.id))
  for (const kind of KINDS) {
    const { ids = [], missing = [] } = verdicts[kind] ?? {}
    const unknown = ids.filter((id) => missing.includes(id) || gone.has(id))
    if (unknown.length > 0) throw fail('UNKNOWN_REFERENCE', { kind, ids: unknown.join(', ') })
  }
}

/** Remembers which of a MOC's links are to be settled, in place of what was remembered before. */
export async function keepPending(db: Db, mocId: string, verdicts: Verdicts): Promise<void> {
  for (const kind of KINDS) {
    if (!verdicts[kind]) continue
    await db
      .delete(pendingLinks)
      .where(and(eq(pendingLinks.mocId, mocId), eq(pendingLinks.kind, kind)))
  }
  await rememberPending(db, mocId, verdicts)
}

/** The same of a new MOC. */
export async function rememberPending(db: Db, mocId: string, verdicts: Verdicts): Promise<void> {
  const pending = KINDS.flatMap((kind) => {
    return pendingOfKind(verdicts[kind]).map((galleryId) => ({ mocId, kind, galleryId }))
  })
  if (pending.length > 0) await db.insert(pendingLinks).values(pending)
}

/** What Gallery could not be asked about, as `pendingOf` a MOC that links nothing else. */
export function pendingIn({ image, album }: Verdicts): string[] {
  return [image, album].flatMap(pendingOfKind).toSorted()
}

function pendingOfKind(verdict: Verdict | undefined): readonly string[] {
  return verdict?.pending ? verdict.ids : []
}

/** The MOC's links that Gallery has not confirmed yet. */
export async function pendingOf(db: Db, mocId: string): Promise<string[]> {
  const rows = await pending(db).execute({ mocId })
  return rows.map((row) => row.id)
}

const pending = madeOnce((db: Db) =>
  db
    .select({ id: pendingLinks.galleryId })
    .from(pendingLinks)
    .where(eq(pendingLinks.mocId, sql.placeholder('mocId')))
    .orderBy(pendingLinks.galleryId),
)

export function asLinks(ids: readonly string[]): Link[] {
  return ids.map((id) => ({ id }))
}
