import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type Comparison, compareRows, type KeyedRow } from '@banyan/lab'
import { compareKeys, openObjectStore } from '@banyan/objects'
import pg from 'pg'
import { type KeptFile, sha256 } from './filer.ts'

// Where users' own files lie, read past whatever keeps them: the folder of the monolith, and the objects that
// the rows of Storage name. What checks must not share a mistake with what is checked.

export interface FoundFile extends KeptFile {
  readonly user_id: string
  readonly name: string
}

/** What Storage keeps its files in. */
export interface ObjectsSetting {
  readonly url: string
  readonly masterKeys: string
}

const HEAD = 100
const AT_ONCE = 8

/** @param users of all when left out */
export async function filesInFolder(
  folder: string,
  users?: readonly string[],
): Promise<FoundFile[]> {
  const names = async (...path: string[]) =>
    (await readdir(join(folder, ...path)).catch(whereThere)).filter((one) => !one.startsWith('.'))
  const found: FoundFile[] = []
  for (const user of users ?? (await names())) {
    for (const id of await names(user)) {
      for (const name of await names(user, id)) {
        // Deleted since its name was read.
        const content = await readFile(join(folder, user, id, name)).catch(whereThere)
        if (content instanceof Buffer) found.push({ user_id: user, id, name, ...told(content) })
      }
    }
  }
  return found
}

/** @param users of all when left out */
export async function filesAtStorage(
  databaseUrl: string,
  objects: ObjectsSetting,
  users?: readonly string[],
): Promise<FoundFile[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client
    .query<{ user_id: string; id: string; name: string; key: string }>(
      `SELECT owner_id AS user_id, id::text, file_name AS name,
              prefix || '/' || id || '/' || attempt || '/original' AS key
         FROM storage.files
        WHERE prefix = 'gallery' AND state IN ('clean', 'processed')
          AND ($1::text[] IS NULL OR owner_id = ANY ($1))`,
      [users ?? null],
    )
    .finally(() => client.end())
  // It signs nothing.
  const store = await openObjectStore({ ...objects, publicUrl: 'http://127.0.0.1' })
  try {
    const found: FoundFile[] = []
    const left = [...rows]
    const worker = async () => {
      for (let row = left.pop(); row; row = left.pop()) {
        const { key, ...file } = row
        found.push({ ...file, ...told(await buffer((await store.get(key)).stream)) })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return found
  } finally {
    await store.close()
  }
}

/** File by file, by their names and contents. */
export function compareFiles(
  source: readonly FoundFile[],
  target: readonly FoundFile[],
): Promise<Comparison> {
  return compareRows(ordered(source), ordered(target))
}

async function* ordered(files: readonly FoundFile[]): AsyncGenerator<KeyedRow> {
  const rows = files.map(({ user_id, id, name, sha256: value }) => ({
    key: `${user_id}/${id}/${name}`,
    value,
  }))
  yield* rows.sort((a, b) => compareKeys(a.key, b.key))
}

function told(content: Buffer): Pick<KeptFile, 'sha256' | 'head'> {
  return { sha256: sha256(content), head: content.subarray(0, HEAD).toString('latin1') }
}

function whereThere(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw error
}
