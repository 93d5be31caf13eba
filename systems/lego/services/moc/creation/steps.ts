import { Unprocessable } from '@banyan/durable'
import { and, eq, getTableColumns, isNull, sql } from 'drizzle-orm'
import type { Context } from '../context.ts'
import type { Db } from '../fail.ts'
import { checkLinks, shareLinks } from '../links.ts'
import { insertMoc } from '../mocs.ts'
import { creations, mocs, stagedFiles, storedFiles } from '../schema.ts'
import { lockUnderWay } from './creations.ts'
import { stagedBytes } from './staged-bytes.ts'
import { processingOf, storageOf } from './stored-files.ts'

/*
 * Each may be repeated, and may come too late: it looks whether the creation is still under way, and what of it
 * is done.
 */

const { content: _, ...described } = getTableColumns(stagedFiles)

/** Step 1. */
export async function addMoc(context: Context, mocId: string): Promise<void> {
  const [creation] = await context.db.select().from(creations).where(eq(creations.mocId, mocId))
  if (!creation) throw new Unprocessable('the creation is forgotten')
  const { ownerId, wanted } = creation
  const verdicts = await checkLinks(context, wanted)
  await context.transaction(async (tx) => {
    await shareLinks(tx.db, verdicts)
    await lockUnderWay(tx.db, mocId)
    const there = await tx.db.$count(mocs, eq(mocs.id, mocId))
    if (there === 0) await insertMoc(tx.db, { id: mocId, ownerId }, wanted, verdicts)
  })
}

/** Step 2: to Storage, under ids that are known beforehand, so that it may be repeated. */
export async function uploadFiles(
  context: Context,
  mocId: string,
  signal: AbortSignal,
): Promise<void> {
  const ownerId = await ownerOf(context.db, mocId)
  for (const { id: fileId, fileName, mimeType: contentType } of await staged(context.db, mocId)) {
    const query = { ownerId, prefix: 'mocs' as const, fileName, contentType, fileId }
    await storageOf(context).upload({ query, body: await contentOf(context, fileId) }, { signal })
  }
}

/** Step 3. */
export async function recordFiles({ transaction }: Context, mocId: string): Promise<void> {
  await transaction(async (tx) => {
    await lockUnderWay(tx.db, mocId)
    const there = await tx.db.$count(mocs, eq(mocs.id, mocId))
    if (there === 0) throw new Unprocessable('the MOC was deleted meanwhile')
    for (const row of await staged(tx.db, mocId)) {
      const reading = row.kind === 'parts-list' ? ('waiting' as const) : ('none' as const)
      await tx.db
        .insert(storedFiles)
        .values({ ...row, reading, createdAt: sql`clock_timestamp()` })
        .onConflictDoNothing()
    }
  })
}

/** Step 4: parts lists to Processing, those that it was not given before. */
export async function handOver(
  context: Context,
  mocId: string,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const ownerId = await ownerOf(context.db, mocId)
  const lists = await context.db
    .select()
    .from(storedFiles)
    .where(
      and(
        eq(storedFiles.mocId, mocId),
        eq(storedFiles.kind, 'parts-list'),
        isNull(storedFiles.jobId),
      ),
    )
  for (const { id, fileName } of lists) {
    // The file itself, not its address: a signed one is another with each attempt, and the key would be refused.
    const content = (await contentOf(context, id)).toString('base64')
    const { jobId } = await processingOf(context).processFile(
      { body: { ownerId, reference: id, fileName, content } },
      { signal, idempotencyKey: `${key}/${id}` },
    )
    await context.db.update(storedFiles).set({ jobId }).where(eq(storedFiles.id, id))
  }
}

/** @throws Unprocessable where the creation has ended */
async function ownerOf(db: Db, mocId: string): Promise<string> {
  return (await lockUnderWay(db, mocId)).ownerId
}

function staged(db: Db, mocId: string) {
  return db
    .select(described)
    .from(stagedFiles)
    .where(eq(stagedFiles.mocId, mocId))
    .orderBy(stagedFiles.id)
}

async function contentOf(context: Context, id: string): Promise<Buffer> {
  const kept = stagedBytes(context).of(id)
  if (kept) return kept
  const [file] = await context.db
    .select({ content: stagedFiles.content })
    .from(stagedFiles)
    .where(eq(stagedFiles.id, id))
  if (file) return file.content
  throw new Unprocessable('the creation has ended')
}
