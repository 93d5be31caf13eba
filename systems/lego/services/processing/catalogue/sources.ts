import { createReadStream, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip, gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse'
import { z } from 'zod'

/** Where the catalogue comes from; plain or gzipped (`parts.csv`, `parts.csv.gz`). */
export interface CatalogueSources {
  /** Folder of Rebrickable's dumps: parts, part_categories, colors, elements, part_relationships. */
  readonly dumps: string
  /** Colours in the form of Rebrickable's API (v3), with the numbers that others give them. */
  readonly colours: readonly string[]
  /** `[{"r": part, "b": [BrickLink ids], "l": [LDraw ids]}]`; ids may be texts too. */
  readonly partIds: readonly string[]
}

/** One row for COPY, in the order of the columns. */
export type CatalogueRow = readonly (string | number | boolean)[]

/** Rows of a dump, as its header names the columns. @throws Error that names the missing file */
async function* dumpRows(folder: string, name: string): AsyncGenerator<Record<string, string>> {
  const file = [`${name}.csv`, `${name}.csv.gz`]
    .map((one) => join(folder, one))
    .find((path) => existsSync(path))
  if (!file) throw new Error(`${folder} has neither ${name}.csv nor ${name}.csv.gz`)
  const parser = parse({ columns: true, bom: true })
  const raw = createReadStream(file)
  const text = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
  const fail = (error: Error) => parser.destroy(error)
  raw.on('error', fail)
  text.on('error', fail)
  yield* text.pipe(parser) as AsyncIterable<Record<string, string>>
}

export async function* parts({ dumps }: CatalogueSources): AsyncGenerator<CatalogueRow> {
  const categories = new Map<string, string>()
  for await (const row of dumpRows(dumps, 'part_categories')) categories.set(row.id!, row.name!)
  for await (const row of dumpRows(dumps, 'parts')) {
    yield [row.part_num!, row.name!, categories.get(row.part_cat_id!) ?? '']
  }
}

export async function* colours({ dumps }: CatalogueSources): AsyncGenerator<CatalogueRow> {
  for await (const row of dumpRows(dumps, 'colors')) {
    yield [Number(row.id), row.name!, row.rgb!, /^t/i.test(row.is_trans!)]
  }
}

export async function* elements({ dumps }: CatalogueSources): AsyncGenerator<CatalogueRow> {
  for await (const row of dumpRows(dumps, 'elements')) {
    yield [row.element_id!, row.part_num!, Number(row.color_id)]
  }
}

export async function* relationships({ dumps }: CatalogueSources): AsyncGenerator<CatalogueRow> {
  for await (const row of dumpRows(dumps, 'part_relationships')) {
    yield [row.rel_type!, row.child_part_num!, row.parent_part_num!]
  }
}

const ApiColour = z.object({
  id: z.int(),
  external_ids: z.record(z.string(), z.object({ ext_ids: z.array(z.int().nullable()) })),
})
const ApiColours = z.union([
  z.array(ApiColour),
  z.object({ results: z.array(ApiColour) }).transform(({ results }) => results),
])
/** Rebrickable's names of the systems. */
const SYSTEMS: Readonly<Record<string, string>> = {
  BrickLink: 'bricklink',
  LDraw: 'ldraw',
  LEGO: 'lego',
  BrickOwl: 'brickowl',
}

export async function* colourIds({ colours }: CatalogueSources): AsyncGenerator<CatalogueRow> {
  for (const file of colours) {
    for (const { id, external_ids: externals } of ApiColours.parse(await readJson(file))) {
      for (const [name, { ext_ids: numbers }] of Object.entries(externals)) {
        const system = SYSTEMS[name]
        if (!system) continue
        for (const number of numbers) if (number !== null) yield [system, number, id]
      }
    }
  }
}

const Ids = z
  .union([z.array(z.string()), z.string().transform((one) => [one])])
  .optional()
  .transform((ids) => ids ?? [])
const PartIds = z.array(z.object({ r: z.string(), b: Ids, l: Ids }))

/** Numbers of former years, and of moulds that others do not tell apart. */
const ALIASES = new URL('aliases.json', import.meta.url)

export async function* partIds({ partIds }: CatalogueSources): AsyncGenerator<CatalogueRow> {
  for (const file of partIds) {
    for (const { r, b, l } of PartIds.parse(await readJson(file))) {
      for (const id of b) yield ['bricklink', id, r]
      for (const id of l) yield ['ldraw', id, r]
    }
  }
  const aliases = z.record(z.string(), z.string()).parse(await readJson(ALIASES))
  for (const [alias, part] of Object.entries(aliases)) yield ['alias', alias, part]
}

async function readJson(file: string | URL): Promise<unknown> {
  const bytes = await readFile(file)
  const text = String(file).endsWith('.gz') ? gunzipSync(bytes) : bytes
  return JSON.parse(text.toString('utf8'))
}
