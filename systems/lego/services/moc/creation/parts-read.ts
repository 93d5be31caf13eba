import { eq } from 'drizzle-orm'
import { z } from 'zod'
import type { FileProcessingCompleted } from '../../processing/events.ts'
import type { Context } from '../context.ts'
import type { Tx } from '../fail.ts'
import { lockOwnMoc } from '../mocs.ts'
import { mergeLots, type Part } from '../parts/parts.ts'
import { insertPartsList } from '../parts-lists.ts'
import { mocs, storedFiles } from '../schema.ts'
import { processingOf } from './stored-files.ts'

/** As many lots as Processing answers at once. */
const PAGE = 1_000

interface OfJob {
  readonly jobId: string
  readonly ownerId: string
  readonly reference: string | null
}

type Completed = z.infer<typeof FileProcessingCompleted.payload>
type LotFound = NonNullable<Completed['parsedData']['lots']>[number]

/** Processing has read a parts list: the MOC has it, and its pieces, from now on. */
export async function takePartsList(tx: Tx, context: Context, payload: Completed): Promise<void> {
  const file = await fileOf(tx, payload)
  if (!file) return
  const { ownerId, jobId, parsedData } = payload
  // Before any row is locked: it may be many pages.
  const lots = parsedData.lots ?? (await allLots(context, jobId))
  await lockOwnMoc(tx.db, ownerId, file.mocId)
  if (lots.length === 0) return noteUnreadable(tx, payload, 'The file names no part')
  const { mocId, fileName: title } = file
  const list = await insertPartsList(tx, ownerId, { mocId, title, ...partsOf(lots) })
  await tx.db
    .update(storedFiles)
    .set({ jobId, partsListId: list.id, reading: 'read', problem: null })
    .where(eq(storedFiles.id, file.id))
}

/** Processing could not read a parts list: its owner sees why. */
export async function noteUnreadable(tx: Tx, payload: OfJob, problem: string): Promise<void> {
  const file = await fileOf(tx, payload)
  if (!file) return
  await tx.db
    .update(storedFiles)
    .set({ jobId: payload.jobId, reading: 'unreadable', problem })
    .where(eq(storedFiles.id, file.id))
}

/** The file that a job reads. Anybody may give a job of theirs any reference: it must be one of the owner's own. */
async function fileOf({ db }: Tx, { reference, ownerId, jobId }: OfJob) {
  const id = z.uuid().safeParse(reference)
  if (!id.success) return null
  const [found] = await db
    .select({ file: storedFiles, ownerId: mocs.ownerId })
    .from(storedFiles)
    .innerJoin(mocs, eq(mocs.id, storedFiles.mocId))
    .where(eq(storedFiles.id, id.data))
  if (!found || found.ownerId !== ownerId) return null
  const { file } = found
  // Heard before the job's id was kept, it is taken; once there is one, no other job is.
  return file.reading === 'waiting' && (file.jobId ?? jobId) === jobId ? file : null
}

async function allLots(context: Context, jobId: string): Promise<LotFound[]> {
  const lots: LotFound[] = []
  for (let after: number | null = -1; after !== null; ) {
    const query = { after, limit: PAGE }
    const page: { lots: LotFound[]; next: number | null } = await processingOf(context).listLots({
      params: { jobId },
      query,
    })
    lots.push(...page.lots)
    after = page.next
  }
  return lots
}

/** In BrickLink's numbers where the file has them for all, else in Rebrickable's, as far as they are known. */
function partsOf(lots: readonly LotFound[]): {
  format: 'bricklink-xml' | 'rebrickable-csv'
  parts: Part[]
} {
  const bricklink = lots.every(({ ids }) => ids.bricklink !== undefined)
  const parts = lots.map(({ ids, part, partColour, element, name, colour, quantity, spare }) => {
    const own = bricklink ? 'bricklink' : 'rebrickable'
    const number = bricklink ? ids.bricklink! : (part ?? ids.rebrickable)
    const known = colour?.system === own ? (colour as { id: number }).id : null
    return {
      part: number ?? ids.bricklink ?? ids.ldraw ?? element ?? name ?? 'unknown',
      color: bricklink ? known : (partColour ?? known),
      quantity,
      spare,
    }
  })
  return { format: bricklink ? 'bricklink-xml' : 'rebrickable-csv', parts: mergeLots(parts) }
}
