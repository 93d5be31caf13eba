import { defineSchedule } from '@banyan/durable'
import { and, eq, inArray, or, sql } from 'drizzle-orm'
import { forget, markBytesGone } from './files.ts'
import { type Context, partsOf } from './parts.ts'
import { files } from './schema.ts'
import { removeBytes } from './stored-bytes.ts'

/** Of one run; the next one goes on. */
const AT_ONCE = 100
/** Deleted files, and infected ones, are remembered so long: their ids are not used again meanwhile. */
const REMEMBERED = sql`interval '1 day'`

/** Removes what uploads, and deletions, left behind whose process was killed. */
export function sweep(context: Context) {
  return defineSchedule({
    name: 'leftovers of uploads',
    everyMs: context.config.SWEEP_MS,
    misfire: 'once',
    run: () => sweepOnce(context),
  })
}

async function sweepOnce(context: Context): Promise<void> {
  const { store } = await partsOf(context)
  const { db, config } = context
  const dead = await db
    .select()
    .from(files)
    .where(
      or(
        // So long after its time was over, because it may have been putting its last bytes then.
        and(
          inArray(files.state, ['uploading', 'scanning']),
          sql`${files.expiresAt} < now() - ${config.UPLOAD_MS} * interval '1 ms'`,
        ),
        and(inArray(files.state, ['infected', 'deleted']), eq(files.bytesGone, false)),
      ),
    )
    .orderBy(files.updatedAt)
    .limit(AT_ONCE)
  for (const row of dead) {
    await removeBytes(store, row)
    if (row.state === 'uploading' || row.state === 'scanning') await forget(db, row)
    else await markBytesGone(db, row.id)
  }
  await db
    .delete(files)
    .where(
      and(
        inArray(files.state, ['infected', 'deleted']),
        eq(files.bytesGone, true),
        sql`${files.updatedAt} < now() - ${REMEMBERED}`,
      ),
    )
  await store.removeUnfinished(Math.max(10 * config.UPLOAD_MS, 3_600_000))
  if (dead.length > 0) context.log.info({ files: dead.length }, 'leftovers removed')
}
