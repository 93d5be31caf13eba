import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { type Pool, transaction } from '@banyan/postgres'
import { parse } from 'csv-parse'
import { z } from 'zod'
import type { Change } from '../document.ts'
import { type Recording, recordChanges } from '../documents.ts'

/** Documents in one transaction. */
const BATCH = 1_000

const Theme = z.object({ id: z.string(), name: z.string(), parent_id: z.string() })
const CatalogueSet = z.object({
  set_num: z.string().min(1),
  name: z.string().min(1),
  year: z.string(),
  theme_id: z.string(),
  num_parts: z.coerce.number().int().min(0),
})

/**
 * Takes over Rebrickable's dumps `sets.csv.gz` and `themes.csv.gz`; sets that are in it no more are not found
 * any more.
 *
 * @param folder where the two files are
 * @throws Error that names the file and line that does not fit
 */
export async function importSets(
  folder: string,
  own: Pool,
  recording: Recording,
): Promise<{ sets: number; changed: number; gone: number }> {
  const version = Date.now()
  const themes = new Map<string, z.infer<typeof Theme>>()
  for await (const theme of readDump(folder, 'themes', Theme)) themes.set(theme.id, theme)
  const imported = new Set<string>()
  let changed = 0
  const record = async (changes: readonly Change[]) =>
    transaction(own, (tx) => recordChanges(tx, changes, recording))
  let batch: Change[] = []
  for await (const set of readDump(folder, 'sets', CatalogueSet)) {
    imported.add(set.set_num)
    batch.push(changeOf(set, namesOf(themes, set.theme_id), version))
    if (batch.length === BATCH) changed += await record(batch.splice(0))
  }
  if (batch.length > 0) changed += await record(batch)
  const { rows } = await own.query<{ id: string }>(
    `SELECT id FROM search.documents WHERE type = 'set' AND visible`,
  )
  const missing = rows.filter(({ id }) => !imported.has(id))
  batch = missing.map(({ id }) => ({ type: 'set', id, version, content: { hidden: true } }))
  for (let at = 0; at < batch.length; at += BATCH) await record(batch.slice(at, at + BATCH))
  return { sets: imported.size, changed, gone: missing.length }
}

function changeOf(
  { set_num, name, year, num_parts }: z.infer<typeof CatalogueSet>,
  themes: readonly string[],
  version: number,
): Change {
  return {
    type: 'set',
    id: set_num,
    version,
    content: {
      title: name,
      description: null,
      // 75192-1 is asked for as 75192.
      tags: [...new Set([set_num, set_num.replace(/-\d+$/, ''), year, ...themes])],
      theme: themes[0] ?? null,
      pieces: num_parts,
      hidden: false,
    },
  }
}

/** From the theme that has no parent down: `['Star Wars', 'Ultimate Collector Series']`. */
function namesOf(themes: ReadonlyMap<string, z.infer<typeof Theme>>, id: string): string[] {
  const names: string[] = []
  for (let theme = themes.get(id); theme; theme = themes.get(theme.parent_id)) {
    names.unshift(theme.name)
    // A ring of parents has no end.
    if (names.length > 10) break
  }
  return names
}

async function* readDump<S extends z.ZodType>(
  folder: string,
  name: string,
  schema: S,
): AsyncGenerator<z.output<S>> {
  const file = join(folder, `${name}.csv.gz`)
  const raw = createReadStream(file)
  const parser = parse({ columns: true, info: true })
  const unzipped = createGunzip()
  // A stream that fails does not end the next one by itself.
  raw.on('error', (error) => parser.destroy(error))
  unzipped.on('error', (error) => parser.destroy(new Error(`${file}: ${error.message}`)))
  for await (const one of raw.pipe(unzipped).pipe(parser)) {
    const { record, info } = one as { record: unknown; info: { lines: number } }
    const read = schema.safeParse(record)
    if (read.success) yield read.data
    else throw new Error(`${file}, line ${info.lines}: ${z.prettifyError(read.error)}`)
  }
}
