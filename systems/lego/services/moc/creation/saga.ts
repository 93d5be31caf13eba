import { defineSaga, type RetryPolicy, Unprocessable } from '@banyan/durable'
import { and, eq, getTableColumns, isNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { checkLinks, shareLinks } from '../links.ts'
import { insertMoc } from '../mocs.ts'
import { creations, mocs, stagedFiles, storedFiles } from '../schema.ts'
import { lockUnderWay, noting, settle, withdraw } from './creations.ts'
import { processingOf, storageOf } from './stored-files.ts'

/** Some 15 s: longer than Storage's restart, shorter than a user's patience with what is under way. */
const CALLS: RetryPolicy = { attempts: 7, firstMs: 250, maxMs: 30_000 }
/** A week: nobody else would take the files away. */
const REMOVAL: RetryPolicy = { attempts: 1_000, firstMs: 250, maxMs: 600_000 }
const WEEK_MS = 7 * 24 * 3_600_000
/** All files of one MOC, to Storage and through its scanner. */
const UPLOAD_MS = 120_000
const HANDOVER_MS = 60_000

const Input = z.object({ mocId: z.uuid(), fileIds: z.array(z.uuid()) })

const { content: _, ...described } = getTableColumns(stagedFiles)

/**
 * A MOC is created, its files are stored, its parts lists handed over to be read. Until the files are recorded
 * a failure leaves nothing; after that the MOC stands, if need be as incomplete.
 *
 * Each step is a transaction that looks whether the creation is still under way, and so may be repeated, and
 * may come too late.
 */
export function createMocWithFiles(context: Context) {
  const { db, transaction } = context
  const staged = (mocId: string) =>
    db
      .select(described)
      .from(stagedFiles)
      .where(eq(stagedFiles.mocId, mocId))
      .orderBy(stagedFiles.id)
  const contentOf = async (id: string) => {
    const [file] = await db
      .select({ content: stagedFiles.content })
      .from(stagedFiles)
      .where(eq(stagedFiles.id, id))
    if (file) return file.content
    throw new Unprocessable('the creation has ended')
  }

  async function addMoc(mocId: string): Promise<void> {
    const [creation] = await db.select().from(creations).where(eq(creations.mocId, mocId))
    if (!creation) throw new Unprocessable('the creation is forgotten')
    const { ownerId, wanted } = creation
    const verdicts = await checkLinks(context, wanted)
    await transaction(async (tx) => {
      await shareLinks(tx.db, verdicts)
      await lockUnderWay(tx.db, mocId)
      const there = await tx.db.$count(mocs, eq(mocs.id, mocId))
      if (there === 0) await insertMoc(tx.db, { id: mocId, ownerId }, wanted, verdicts)
    })
  }

  async function upload(mocId: string, signal: AbortSignal): Promise<void> {
    const ownerId = await ownerOf(mocId)
    for (const { id: fileId, fileName, mimeType: contentType } of await staged(mocId)) {
      const query = { ownerId, prefix: 'mocs' as const, fileName, contentType, fileId }
      await storageOf(context).upload({ query, body: await contentOf(fileId) }, { signal })
    }
  }

  async function recordFiles(mocId: string): Promise<void> {
    await transaction(async (tx) => {
      await lockUnderWay(tx.db, mocId)
      const there = await tx.db.$count(mocs, eq(mocs.id, mocId))
      if (there === 0) throw new Unprocessable('the MOC was deleted meanwhile')
      const rows = await tx.db
        .select(described)
        .from(stagedFiles)
        .where(eq(stagedFiles.mocId, mocId))
      for (const row of rows) {
        const reading = row.kind === 'parts-list' ? ('waiting' as const) : ('none' as const)
        await tx.db
          .insert(storedFiles)
          .values({ ...row, reading, createdAt: sql`clock_timestamp()` })
          .onConflictDoNothing()
      }
    })
  }

  async function handOver(mocId: string, key: string, signal: AbortSignal): Promise<void> {
    const ownerId = await ownerOf(mocId)
    const lists = await db
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
      const content = (await contentOf(id)).toString('base64')
      const { jobId } = await processingOf(context).processFile(
        { body: { ownerId, reference: id, fileName, content } },
        { signal, idempotencyKey: `${key}/${id}` },
      )
      await db.update(storedFiles).set({ jobId }).where(eq(storedFiles.id, id))
    }
  }

  async function ownerOf(mocId: string): Promise<string> {
    return (await lockUnderWay(db, mocId)).ownerId
  }

  const undo = async ({ input }: { input: z.infer<typeof Input> }) => {
    await withdraw(context, input.mocId)
  }
  return defineSaga({
    name: 'create MOC with files',
    version: 1,
    timeoutMs: CALLS.attempts * (UPLOAD_MS + HANDOVER_MS),
    input: Input,
    steps: (saga) =>
      saga
        .step('moc', {
          invoke: ({ input: { mocId } }) => noting(context, mocId, () => addMoc(mocId)),
          compensate: undo,
        })
        .step('upload', {
          timeoutMs: UPLOAD_MS,
          retry: CALLS,
          compensationRetry: REMOVAL,
          invoke: ({ input: { mocId }, signal }) =>
            noting(context, mocId, () => upload(mocId, signal)),
          // The MOC goes first: while Storage is away nobody should see it without its files.
          compensate: async ({ input: { mocId, fileIds }, signal }) => {
            if (!(await withdraw(context, mocId))) return
            await storageOf(context).deleteFiles({ body: { fileIds } }, { signal })
          },
        })
        .step('files', {
          invoke: ({ input: { mocId } }) => noting(context, mocId, () => recordFiles(mocId)),
          compensate: undo,
        })
        .step('processing', {
          timeoutMs: HANDOVER_MS,
          retry: CALLS,
          invoke: ({ input: { mocId }, idempotencyKey, signal }) =>
            noting(context, mocId, () => handOver(mocId, idempotencyKey, signal)),
          // Undone is nothing: the MOC stands, and what is undone after this lets it stand.
          compensate: ({ input: { mocId } }) => settle(context, mocId, 'incomplete'),
        })
        .step('created', {
          invoke: ({ input: { mocId } }) =>
            noting(context, mocId, () => settle(context, mocId, 'created')),
        }),
  })
}

/** Takes the files of a MOC that was deleted away from Storage. */
export function removeFiles(context: Context) {
  return defineSaga({
    name: 'remove stored files',
    version: 1,
    timeoutMs: WEEK_MS,
    input: z.object({ fileIds: z.array(z.uuid()) }),
    steps: (saga) =>
      saga.step('remove', {
        retry: REMOVAL,
        invoke: async ({ input: { fileIds }, signal }) => {
          await storageOf(context).deleteFiles({ body: { fileIds } }, { signal })
        },
      }),
  })
}
