import type { Queryable } from '@banyan/postgres'
import type { Lot } from '../formats/lots.ts'
import {
  type Known,
  numbersOf,
  plainName,
  type Resolution,
  resolveLot,
  type Suggestion,
} from './resolve.ts'

/** Lots that one question to the database is about. */
const BATCH = 1_000
/** Suggestions are looked for, for so many lots at most: a file of nonsense must not take long. */
const MOST_SUGGESTED = 200
const SUGGESTIONS = 3

export interface ResolvedLot {
  readonly lot: Lot
  readonly resolution: Resolution
  /** Of what is not resolved; empty where nothing is like it, or too much was unresolved before. */
  readonly suggestions: readonly Suggestion[]
}

/** Looks lots up in the catalogue, in batches. @returns each lot with its resolution, in order */
export async function resolveLots(db: Queryable, lots: readonly Lot[]): Promise<ResolvedLot[]> {
  const colours = await coloursKnown(db)
  const resolved: ResolvedLot[] = []
  let suggested = 0
  for (let at = 0; at < lots.length; at += BATCH) {
    const batch = lots.slice(at, at + BATCH)
    const known = { ...colours, ...(await numbersKnown(db, batch)) }
    const resolutions = batch.map((lot) => resolveLot(lot, known))
    const asked = resolutions.map((one, i) => {
      const wanted = 'unresolved' in one && suggested < MOST_SUGGESTED
      if (wanted) suggested++
      return { prefix: wanted ? prefixOf(batch[i]!, one) : null, part: wanted ? one.part : null }
    })
    const suggestions = await suggest(db, asked)
    batch.forEach((lot, i) => {
      resolved.push({ lot, resolution: resolutions[i]!, suggestions: suggestions[i]! })
    })
  }
  return resolved
}

/** Whether there is a catalogue to look things up in. */
export async function hasCatalogue(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ some: boolean }>(
    'SELECT EXISTS (SELECT FROM processing.parts) AS some',
  )
  return rows[0]!.some
}

type ColoursKnown = Pick<Known, 'colours' | 'colourIds' | 'colourNames'>

async function coloursKnown(db: Queryable): Promise<ColoursKnown> {
  const { rows: colours } = await db.query<{ id: number; name: string }>(
    'SELECT id, name FROM processing.colours ORDER BY id DESC',
  )
  const { rows: ids } = await db.query<{ key: string; ids: number[] }>(
    `SELECT system || ' ' || external_id AS key, array_agg(colour_id ORDER BY colour_id) AS ids
     FROM processing.colour_ids GROUP BY 1`,
  )
  return {
    colours: new Set(colours.map(({ id }) => id)),
    colourIds: new Map(ids.map(({ key, ids: some }) => [key, some])),
    colourNames: new Map(colours.map(({ id, name }) => [plainName(name), id])),
  }
}

async function numbersKnown(
  db: Queryable,
  lots: readonly Lot[],
): Promise<Pick<Known, 'parts' | 'partIds' | 'elements'>> {
  const numbers = lots.map(numbersOf)
  const ids = [...new Set(numbers.flatMap(({ parts }) => parts))]
  const elementIds = [...new Set(numbers.flatMap(({ elements }) => elements))]
  const { rows: mapped } = await db.query<{ key: string; parts: string[] }>(
    `SELECT system || ' ' || external_id AS key, array_agg(part_num ORDER BY part_num) AS parts
     FROM processing.part_ids WHERE external_id = ANY ($1) GROUP BY 1`,
    [ids],
  )
  const candidates = [...new Set([...ids, ...mapped.flatMap(({ parts }) => parts)])]
  const { rows: parts } = await db.query<{ part_num: string }>(
    'SELECT part_num FROM processing.parts WHERE part_num = ANY ($1)',
    [candidates],
  )
  const { rows: elements } = await db.query<{ id: string; part: string; colour: number }>(
    `SELECT element_id AS id, part_num AS part, colour_id AS colour
     FROM processing.elements WHERE element_id = ANY ($1)`,
    [elementIds],
  )
  return {
    parts: new Set(parts.map((row) => row.part_num)),
    partIds: new Map(mapped.map((row) => [row.key, row.parts])),
    elements: new Map(elements.map(({ id, part, colour }) => [id, { part, colour }])),
  }
}

interface Asked {
  /** Parts that begin so. */
  readonly prefix: string | null
  /** Colours that this part comes in. */
  readonly part: string | null
}

/** What the part's number begins with: its digits, the longest run that is a mould's own. */
function prefixOf({ ids }: Lot, resolution: Resolution): string | null {
  if (!('unresolved' in resolution) || resolution.unresolved !== 'UNKNOWN_PART') return null
  const [id] = Object.values(ids)
  const digits = /^[a-z]?\d{2,}/i.exec(id ?? '')?.[0]
  return digits ?? (id && id.length > 3 ? id.slice(0, 4) : null)
}

/** Beyond every text that begins as the one before it: no character is greater. */
const LAST_CHARACTER = '\u{10FFFF}'

async function suggest(db: Queryable, asked: readonly Asked[]): Promise<Suggestion[][]> {
  const suggestions: Suggestion[][] = asked.map(() => [])
  const wanted = asked.flatMap(({ prefix, part }, place) =>
    prefix === null && part === null ? [] : [{ prefix, part, place }],
  )
  if (wanted.length === 0) return suggestions
  // A range by bytes, which the index answers for each prefix; LIKE would read every part for each: it is looked
  // up in an index only where the pattern is known when the statement is planned.
  const { rows } = await db.query<Suggestion & { place: number }>(
    `SELECT asked.place, one.id, one.name
     FROM unnest($1::text[], $2::text[], $3::int[]) AS asked (prefix, part, place)
     CROSS JOIN LATERAL (
       (SELECT part_num AS id, name, length(part_num) AS rank FROM processing.parts
        WHERE part_num ~>=~ asked.prefix AND part_num ~<~ (asked.prefix || $4)
        ORDER BY length(part_num), part_num LIMIT ${SUGGESTIONS})
       UNION ALL
       (SELECT DISTINCT c.id::text, c.name, c.id FROM processing.elements e
        JOIN processing.colours c ON c.id = e.colour_id
        WHERE e.part_num = asked.part ORDER BY 3 LIMIT ${SUGGESTIONS})
     ) AS one ORDER BY place, one.rank, one.id`,
    [
      wanted.map(({ prefix }) => prefix),
      wanted.map(({ part }) => part),
      wanted.map(({ place }) => place),
      LAST_CHARACTER,
    ],
  )
  for (const { place, id, name } of rows) suggestions[place]!.push({ id, name })
  return suggestions
}
