import { setImmediate as turn } from 'node:timers/promises'
import { Lru } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import type { IdSystem } from '../formats/entry.ts'
import type { Lot } from '../formats/lots.ts'
import {
  type Element,
  type FoundPart,
  findPart,
  type Known,
  type PartNumber,
  plainName,
  type Resolution,
  type Rows,
  resolveLot,
  type Suggestion,
  textsOf,
} from './resolve.ts'

/** Lots that are resolved before others have their turn, and that one question to the database is about. */
const BATCH = 1_000
/** Suggestions are looked for, for so many lots at most: a file of nonsense must not take long. */
const MOST_SUGGESTED = 200
const SUGGESTIONS = 3
/** Numbers of each system that are kept with what they stand for, and as many elements: some 150 bytes each. */
const MOST_KEPT = 50_000
/** Rebrickable's have up to 25 characters; a longer one is a file's own, and is not kept. */
const LONGEST_KEPT = 50

export interface ResolvedLot {
  readonly lot: Lot
  readonly resolution: Resolution
  /** Of what is not resolved; empty where nothing is like it, or too much was unresolved before. */
  readonly suggestions: readonly Suggestion[]
}

/** What one generation of the catalogue was asked lately. */
interface Kept extends ColoursKnown {
  readonly generation: string
  readonly parts: Readonly<Record<IdSystem, Lru<FoundPart | null>>>
  readonly elements: Lru<Element | null>
}
type ColoursKnown = Pick<Known, 'colours' | 'colourIds' | 'colourNames'>

/**
 * Looks lots up in the catalogue, and keeps what it was asked lately: lists name the same few thousand parts again and
 * again. The database gives the catalogue a new generation with each change, and each list asks for it first: what is
 * found is never older than the list's beginning.
 */
export class Catalogue {
  readonly #db: Queryable
  readonly #mostKept: number
  #kept: Kept | null = null

  constructor(db: Queryable, mostKept = MOST_KEPT) {
    this.#db = db
    this.#mostKept = mostKept
  }

  /** @returns each lot with its resolution, in order; null where there is no catalogue to look things up in */
  async resolve(lots: readonly Lot[]): Promise<ResolvedLot[] | null> {
    const kept = await this.#current()
    if (kept === null) return null
    const resolutions: Resolution[] = []
    for (let at = 0; at < lots.length; at += BATCH) {
      if (at > 0) await turn()
      const batch = lots.slice(at, at + BATCH)
      const known = await this.#known(kept, batch)
      for (const lot of batch) resolutions.push(resolveLot(lot, known))
    }
    const suggestions = await suggest(this.#db, askedOf(lots, resolutions))
    return lots.map((lot, place) => ({
      lot,
      resolution: resolutions[place]!,
      suggestions: suggestions.get(place) ?? [],
    }))
  }

  /** What is kept of the catalogue as it stands; null where it is empty. */
  async #current(): Promise<Kept | null> {
    const { rows } = await this.#db.query<{ generation: string; filled: boolean }>(
      'SELECT generation, EXISTS (SELECT FROM processing.parts) AS filled FROM processing.catalogue',
    )
    const { generation, filled } = rows[0]!
    if (!filled) return null
    // In this order: what is read after the generation was is at least as new.
    if (this.#kept?.generation !== generation) {
      this.#kept = {
        generation,
        ...(await coloursKnown(this.#db)),
        parts: ofEach(() => new Lru(this.#mostKept)),
        elements: new Lru(this.#mostKept),
      }
    }
    return this.#kept
  }

  /** What the catalogue says of the numbers of some lots: the database is asked for what is not kept. */
  async #known(kept: Kept, lots: readonly Lot[]): Promise<Known> {
    const parts = ofEach(() => new Map<string, FoundPart | null>())
    const elements = new Map<string, Element | null>()
    const newParts: PartNumber[] = []
    const newElements = new Set<string>()
    for (const { ids, element } of lots) {
      for (const system of Object.keys(ids) as IdSystem[]) {
        const id = ids[system]!
        const found = kept.parts[system].get(id)
        if (found === undefined) newParts.push([system, id])
        else parts[system].set(id, found)
      }
      if (element === null) continue
      const found = kept.elements.get(element)
      if (found === undefined) newElements.add(element)
      else elements.set(element, found)
    }
    if (newParts.length > 0 || newElements.size > 0) {
      const rows = await rowsOf(this.#db, newParts, newElements)
      for (const number of newParts) {
        const [system, id] = number
        const found = findPart(number, rows)
        parts[system].set(id, found)
        if (id.length <= LONGEST_KEPT) kept.parts[system].set(id, found)
      }
      for (const id of newElements) {
        const found = rows.elements.get(id) ?? null
        elements.set(id, found)
        kept.elements.set(id, found)
      }
    }
    return { ...kept, parts, elements }
  }
}

function ofEach<T>(make: () => T): Record<IdSystem, T> {
  return { rebrickable: make(), bricklink: make(), ldraw: make() }
}

async function coloursKnown(db: Queryable): Promise<ColoursKnown> {
  const { rows: colours } = await db.query<{ id: number; name: string }>(
    'SELECT id, name FROM processing.colours ORDER BY id DESC',
  )
  const { rows } = await db.query<{ system: string; number: number; ids: number[] }>(
    `SELECT system, external_id AS number, array_agg(colour_id ORDER BY colour_id) AS ids
     FROM processing.colour_ids GROUP BY 1, 2`,
  )
  const colourIds: Record<string, Map<number, readonly number[]>> = {}
  for (const { system, number, ids } of rows) {
    colourIds[system] ??= new Map()
    colourIds[system].set(number, ids)
  }
  return {
    colours: new Set(colours.map(({ id }) => id)),
    colourIds,
    colourNames: new Map(colours.map(({ id, name }) => [plainName(name), id])),
  }
}

async function rowsOf(
  db: Queryable,
  numbers: readonly PartNumber[],
  elementIds: ReadonlySet<string>,
): Promise<Rows> {
  const texts = textsOf(numbers)
  const ids = [...new Set(texts.parts)]
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
    [[...new Set([...texts.elements, ...elementIds])]],
  )
  return {
    parts: new Set(parts.map((row) => row.part_num)),
    partIds: new Map(mapped.map((row) => [row.key, row.parts])),
    elements: new Map(elements.map(({ id, part, colour }) => [id, { part, colour }])),
  }
}

interface Asked {
  /** Of the lot. */
  readonly place: number
  /** Parts that begin so. */
  readonly prefix: string | null
  /** Colours that this part comes in. */
  readonly part: string | null
}

/** What suggestions are looked for by: of the first lots that are unresolved. */
function askedOf(lots: readonly Lot[], resolutions: readonly Resolution[]): Asked[] {
  const asked: Asked[] = []
  let unresolved = 0
  for (const [place, one] of resolutions.entries()) {
    if (!('unresolved' in one)) continue
    if (++unresolved > MOST_SUGGESTED) break
    const prefix = prefixOf(lots[place]!, one)
    if (prefix !== null || one.part !== null) asked.push({ place, prefix, part: one.part })
  }
  return asked
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

/** By place. */
async function suggest(
  db: Queryable,
  asked: readonly Asked[],
): Promise<ReadonlyMap<number, readonly Suggestion[]>> {
  const suggestions = new Map<number, Suggestion[]>()
  if (asked.length === 0) return suggestions
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
      asked.map(({ prefix }) => prefix),
      asked.map(({ part }) => part),
      asked.map(({ place }) => place),
      LAST_CHARACTER,
    ],
  )
  for (const { place, id, name } of rows) {
    const some = suggestions.get(place)
    if (some) some.push({ id, name })
    else suggestions.set(place, [{ id, name }])
  }
  return suggestions
}
