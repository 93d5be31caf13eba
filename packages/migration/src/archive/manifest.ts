import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BanyanError } from '@banyan/contracts'
import { z } from 'zod'

/** Something that must be, or must not be, in the database a definition is run in. */
const probe = z.strictObject({
  kind: z.enum(['schema', 'type', 'routine', 'role', 'table']),
  /** Quoted as SQL wants it. */
  name: z.string(),
})

const statement = z.strictObject({
  /** In words: `index of public.posts`. */
  what: z.string(),
  sql: z.string(),
  /** Run before the rows are written, or after. */
  when: z.enum(['before', 'after']),
  /** Not run where this is there already. */
  unless: probe.exactOptional(),
  /** Not run, and told, where one of these is missing. */
  needs: z.array(probe).readonly().exactOptional(),
})

const digest = z.strictObject({
  rows: z.number().int(),
  /** Of COPY's text, before it is compressed. */
  bytes: z.number().int(),
  sha256: z.string(),
})

const archivedTable = z.strictObject({
  /** `schema.table`, quoted where SQL wants it. */
  table: z.string(),
  columns: z.array(z.string()).readonly(),
  /** The order its rows stand in, so that the same rows are the same bytes. */
  order: z.string(),
  file: z.string().regex(/^[\w.-]+$/),
  contents: digest,
  fileBytes: z.number().int(),
})

const manifest = z.strictObject({
  format: z.literal('banyan-archive'),
  version: z.literal(1),
  extraction: z.string(),
  at: z.string(),
  /** PostgreSQL's version, and the database's name. */
  server: z.string(),
  database: z.string(),
  /** What a restore needs and the archive does not hold. */
  requires: z.array(probe).readonly(),
  definition: z.array(statement).readonly(),
  tables: z.array(archivedTable).readonly(),
})

export type Probe = z.infer<typeof probe>
export type Statement = z.infer<typeof statement>
/** What a table holds, in its order. */
export type Digest = z.infer<typeof digest>
export type ArchivedTable = z.infer<typeof archivedTable>
export type Manifest = z.infer<typeof manifest>

/** Written last: a folder without it is no archive. */
export const MANIFEST = 'manifest.json'

/** An archive as it stands in its folder. */
export interface Archive {
  readonly folder: string
  readonly manifest: Manifest
  /** SHA-256 of the manifest's file: names this archive and no other. */
  readonly sha256: string
}

/**
 * What the control plane keeps of an archive: enough to tell whether the tables are still what it holds, and
 * whether somebody who speaks of an archive means this one.
 */
export const archiveSeal = z.strictObject({
  /** Of the manifest. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
  /** Where it was written, by the words of who wrote it. */
  place: z.string().max(1_000),
  definition: z.array(z.strictObject({ what: z.string(), sha256: z.string() })).readonly(),
  tables: z
    .array(z.strictObject({ table: z.string(), rows: z.number().int(), sha256: z.string() }))
    .readonly(),
})
export type ArchiveSeal = z.infer<typeof archiveSeal>

export function sealOf({ manifest, folder, sha256: own }: Archive): ArchiveSeal {
  return {
    sha256: own,
    at: manifest.at,
    place: folder,
    definition: manifest.definition.map(({ what, sql }) => ({ what, sha256: sha256(sql) })),
    tables: manifest.tables.map(({ table, contents: { rows, sha256 } }) => ({
      table,
      rows,
      sha256,
    })),
  }
}

/** @throws BanyanError BAD_ARCHIVE */
export async function openArchive(folder: string): Promise<Archive> {
  const text = await readFile(join(folder, MANIFEST)).catch((error: NodeJS.ErrnoException) => {
    throw badArchive(folder, `its ${MANIFEST} cannot be read (${error.code ?? error.message})`)
  })
  let given: unknown
  try {
    given = JSON.parse(text.toString('utf8'))
  } catch {
    throw badArchive(folder, `its ${MANIFEST} is not JSON`)
  }
  const parsed = manifest.safeParse(given)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw badArchive(folder, `${MANIFEST}: ${issue.path.join('.')}: ${issue.message}`)
  }
  return { folder, manifest: parsed.data, sha256: sha256(text) }
}

export function badArchive(place: string, reason: string): BanyanError {
  return new BanyanError('BAD_ARCHIVE', { place, reason })
}

export function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}
