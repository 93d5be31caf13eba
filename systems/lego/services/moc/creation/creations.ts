import { BanyanError } from '@banyan/contracts'
import { defineSchedule, Unprocessable } from '@banyan/durable'
import { CallError, madeOnce, noSuch, ServiceError } from '@banyan/service'
import { and, count, eq, isNull, sql, sum } from 'drizzle-orm'
import type { Context } from '../context.ts'
import { MocIncomplete } from '../events.ts'
import { type Db, fail, type Tx } from '../fail.ts'
import type { Creation, NewMoc, Problem } from '../messages.ts'
import { mocById, mocView, sayCreated } from '../mocs.ts'
import { creations, mocs, stagedFiles } from '../schema.ts'
import type { KindOfUpload } from './form.ts'
import { listStoredFiles } from './stored-files.ts'

/** Of one owner, that have not ended: the bytes of each wait in the database. */
const MOST_UNFINISHED = 5
/** Of everybody, bytes that may wait: what Storage can be away for without filling the disk. */
const MOST_WAITING_BYTES = 2 * 1024 ** 3

export type CreationRow = typeof creations.$inferSelect

/**
 * Writes down what is to be created. The files' bytes stand beside it, so that what was accepted outlives the
 * process and needs nobody else for that.
 *
 * @returns the ids that the files have from now on, at Storage too
 * @throws ServiceError TOO_MANY_CREATIONS, NO_ROOM
 */
export async function stage(
  { db }: Pick<Tx, 'db'>,
  { mocId, ownerId, wanted }: { mocId: string; ownerId: string; wanted: NewMoc },
  uploads: readonly KindOfUpload[],
): Promise<string[]> {
  // One after the other for an owner: two at once would each count without the other.
  await db.execute(
    sql`SELECT pg_advisory_xact_lock(hashtextextended(${`moc.creations ${ownerId}`}, 0))`,
  )
  const [unfinished] = await db
    .select({ count: count() })
    .from(creations)
    .where(and(eq(creations.ownerId, ownerId), isNull(creations.endedAt)))
  if (unfinished!.count >= MOST_UNFINISHED) {
    throw fail('TOO_MANY_CREATIONS', { most: MOST_UNFINISHED })
  }
  const [waiting] = await db.select({ bytes: sum(stagedFiles.sizeBytes) }).from(stagedFiles)
  if (Number(waiting!.bytes) > MOST_WAITING_BYTES) throw fail('NO_ROOM')
  await db.insert(creations).values({ mocId, ownerId, wanted })
  // By their ids files keep the order that they were sent in.
  const ids = uploads.map(() => crypto.randomUUID()).sort()
  const files = uploads.map(({ kind, name: fileName, mimeType, content }, at) => {
    const id = ids[at]!
    return { id, mocId, kind, fileName, mimeType, sizeBytes: content.length, content }
  })
  for (const file of files) await db.insert(stagedFiles).values(file)
  return ids
}

const { placeholder } = sql

// Each creation asks the first five times, and who waits for it the second each second.
const ofMocLocked = madeOnce((db: Db) =>
  db
    .select()
    .from(creations)
    .where(eq(creations.mocId, placeholder('mocId')))
    .for('update'),
)
const ofOwner = madeOnce((db: Db) =>
  db
    .select()
    .from(creations)
    .where(
      and(eq(creations.mocId, placeholder('mocId')), eq(creations.ownerId, placeholder('ownerId'))),
    ),
)

/** The creation, locked; only one that is under way. @throws Unprocessable */
export async function lockUnderWay(db: Db, mocId: string): Promise<CreationRow> {
  const [row] = await ofMocLocked(db).execute({ mocId })
  if (row?.status === 'creating') return row
  throw new Unprocessable(`the creation is ${row?.status ?? 'forgotten'}`)
}

/**
 * Ends a creation whose MOC stands, and says so.
 *
 * @throws Unprocessable when the MOC was deleted meanwhile
 */
export async function settle(
  { transaction }: Context,
  mocId: string,
  status: 'created' | 'incomplete',
): Promise<void> {
  await transaction(async (tx) => {
    const { db } = tx
    const [row] = await ofMocLocked(db).execute({ mocId })
    // Done before, by a process that could not record it any more.
    if (row?.status !== 'creating') return
    const [moc] = await db.select().from(mocs).where(eq(mocs.id, mocId)).for('update')
    if (!moc) {
      // Nothing stands: what is undone after this takes the files away.
      if (status === 'incomplete') return
      throw new Unprocessable('the MOC was deleted meanwhile')
    }
    await end(db, row, status)
    await sayCreated(tx, moc)
    if (status === 'created') return
    const reason = row.problem?.message ?? 'its parts lists were not handed over in time'
    const { ownerId } = row
    await tx.publish(MocIncomplete.of({ ownerId, mocId, reason }), { key: ownerId })
  })
}

/**
 * Takes the MOC of a creation that failed away, with all that is kept of it here. Nobody was told of it.
 *
 * @returns false where it stands: it is created, or incomplete
 */
export async function withdraw({ transaction }: Context, mocId: string): Promise<boolean> {
  return transaction(async ({ db }) => {
    const [row] = await ofMocLocked(db).execute({ mocId })
    if (row?.status !== 'creating') return row === undefined || row.status === 'failed'
    await db.delete(mocs).where(eq(mocs.id, mocId))
    await end(db, row, 'failed')
    return true
  })
}

async function end(db: Db, row: CreationRow, status: CreationRow['status']): Promise<void> {
  const { mocId } = row
  const problem = status === 'created' ? null : row.problem
  await db.delete(stagedFiles).where(eq(stagedFiles.mocId, mocId))
  await db
    .update(creations)
    .set({ status, problem, endedAt: sql`now()` })
    .where(eq(creations.mocId, mocId))
}

/** Does a step's work; what it fails with is kept for the owner. @throws Unprocessable where it is refused */
export async function noting<R>(
  { db }: Context,
  mocId: string,
  work: () => Promise<R>,
): Promise<R> {
  try {
    return await work()
  } catch (error) {
    const problem = problemOf(error)
    await db
      .update(creations)
      .set({ problem })
      .where(and(eq(creations.mocId, mocId), eq(creations.status, 'creating')))
    if (problem.refused) throw new Unprocessable(problem.message, { cause: error })
    throw error
  }
}

/** Storage still has the former attempt under way: it ends by itself. */
const PASSING_CODE = 'UPLOAD_RUNNING'

function problemOf(error: unknown): Problem {
  if (error instanceof CallError) {
    const { answer, judgement } = error
    const refused = answer !== null && !judgement.passing && answer.code !== PASSING_CODE
    const detail = refused ? answer.problem?.detail : undefined
    // How it could not be reached is for the log: no address of ours is for users.
    const otherwise = refused ? error.message : 'what that needs could not be reached'
    const message = typeof detail === 'string' ? detail : otherwise
    return { code: answer?.code ?? error.code, message, refused }
  }
  if (error instanceof ServiceError) {
    const { code, detail, status } = error.failure
    return { code, message: detail, refused: status < 500 }
  }
  if (error instanceof BanyanError) {
    return { code: error.code, message: error.message, refused: error.status < 500 }
  }
  if (error instanceof Unprocessable) {
    return { code: 'ENDED', message: error.message, refused: true }
  }
  // What a database says is for the log.
  return { code: 'INTERNAL', message: 'something went wrong here', refused: false }
}

/** @throws BanyanError NOT_FOUND, also for another's */
export async function getCreation(
  db: Db,
  ownerId: string,
  mocId: string,
): Promise<{ readonly creation: Creation; readonly begunAt: Date }> {
  const [row] = await ofOwner(db).execute({ mocId, ownerId })
  if (!row) throw noSuch('creation')
  const { files } = await listStoredFiles(db, mocId)
  // After its files: where one is said to be read, the MOC has its pieces.
  const [moc] = await mocById(db).execute({ id: mocId })
  const { status, problem, createdAt: begunAt } = row
  const creation = {
    mocId,
    status,
    // What is tried again is no problem yet.
    problem: status === 'creating' ? null : problem,
    moc: moc ? mocView(moc) : null,
    files,
  }
  return { creation, begunAt }
}

/** Of a MOC that is there, how it was created is remembered as long; of others for the questions of a week. */
export const forgetCreations = defineSchedule({
  name: 'forget creations',
  everyMs: 3_600_000,
  run: async (_, tx) => {
    await tx.query(`DELETE FROM moc.creations c WHERE ended_at < now() - interval '7 days'
      AND NOT EXISTS (SELECT FROM moc.mocs WHERE id = c.moc_id)`)
  },
})
