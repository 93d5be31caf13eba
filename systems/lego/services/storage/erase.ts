import type { ObjectStore } from '@banyan/objects'
import { markBytesGone, markDeleted } from './files.ts'
import type { Context } from './parts.ts'
import { removeBytes } from './stored-bytes.ts'

/** Deletes those of the files that are there. @returns how many were */
export async function erase(
  context: Context,
  store: ObjectStore,
  ids: readonly string[],
): Promise<number> {
  const rows = await context.transaction((tx) => markDeleted(tx, ids))
  for (const row of rows) {
    await removeBytes(store, row)
    await markBytesGone(context.db, row.id)
  }
  return rows.length
}
