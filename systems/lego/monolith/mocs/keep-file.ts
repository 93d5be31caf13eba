import { randomUUID } from 'node:crypto'
import { eq } from 'drizzle-orm'
import type { Database } from '../db/connect.ts'
import { mocInstructions } from '../db/schema.ts'
import { HttpError, notFound } from '../http/errors.ts'
import type { Services } from '../services/services.ts'
import type { Upload } from './upload.ts'

/**
 * Keeps a file in both places: at Storage where it is set and answers, and by `write` in our own table under
 * the same id. What is not written here is not left there.
 */
export async function keepFile<T>(
  db: Database,
  { storage, tallies }: Services,
  of: { readonly userId: string; readonly mocId: string },
  upload: Upload,
  write: (fileId: string) => Promise<T>,
): Promise<T> {
  const fileId = randomUUID()
  if (!storage) {
    tallies.stored('monolith', 'off')
    return write(fileId)
  }
  await requireOwnMoc(db, of)
  const stored = await storage.keep(fileId, of.userId, upload)
  try {
    return await write(fileId)
  } catch (error) {
    if (stored) await storage.forget([fileId])
    throw error
  }
}

/** Before a file goes anywhere; looked at again, and locked, when it is written. */
async function requireOwnMoc(
  db: Database,
  { userId, mocId }: { readonly userId: string; readonly mocId: string },
): Promise<void> {
  const [moc] = await db
    .select({ userId: mocInstructions.userId })
    .from(mocInstructions)
    .where(eq(mocInstructions.id, mocId))
  if (!moc) throw notFound('MOC')
  if (moc.userId !== userId) throw new HttpError(403, 'FORBIDDEN', 'Only its user may change a MOC')
}
