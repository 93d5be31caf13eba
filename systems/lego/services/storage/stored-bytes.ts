import type { ObjectStore } from '@banyan/objects'
import type { FileRow } from './files.ts'
import type { Which } from './messages.ts'

/** Where all that is stored of a file stands. */
function folderOf({ prefix, id }: Pick<FileRow, 'prefix' | 'id'>): string {
  return `${prefix}/${id}/`
}

/** An upload's own, so that one taken for dead writes over nothing. */
export function keyOf(row: Pick<FileRow, 'prefix' | 'id' | 'attempt'>, which: Which): string {
  return `${folderOf(row)}${row.attempt}/${which}`
}

/** Everything that is stored of a file. */
export async function removeBytes(
  store: ObjectStore,
  row: Pick<FileRow, 'prefix' | 'id'>,
): Promise<void> {
  const { objects } = await store.list({ prefix: folderOf(row) })
  await store.deleteMany(objects.map(({ key }) => key))
}
