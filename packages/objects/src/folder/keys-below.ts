import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Ends the names of files that hold objects: `a` and `a/b` may both be keys, and no key has this sign. */
export const FILE_MARK = '~'

/** The keys of a folder in the order of their bytes; holds the names of one folder a level. */
export async function* keysBelow(
  root: string,
  { prefix, after }: { readonly prefix: string; readonly after: string },
  above = '',
): AsyncGenerator<string> {
  for (const name of await namesIn(join(root, above))) {
    // A folder's name ends with "/" here, and so stands where its keys stand among the files.
    const path = `${above}${name}`
    const mayBegin = path.startsWith(prefix) || (name.endsWith('/') && prefix.startsWith(path))
    if (!mayBegin) continue
    if (!name.endsWith('/')) {
      if (path > after) yield path
    } else if (path > after || after.startsWith(path)) {
      yield* keysBelow(root, { prefix, after }, path)
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      // Its last object was deleted meanwhile.
      if (error.code === 'ENOENT') return []
      throw error
    },
  )
  return entries
    .flatMap((entry) => {
      if (entry.name.startsWith('.')) return []
      if (entry.isDirectory()) return [`${entry.name}/`]
      return entry.name.endsWith(FILE_MARK) ? [entry.name.slice(0, -1)] : []
    })
    .sort((a, b) => (a < b ? -1 : 1))
}
