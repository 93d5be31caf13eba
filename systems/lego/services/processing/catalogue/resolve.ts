import type { Colour, IdSystem } from '../formats/entry.ts'
import type { Lot } from '../formats/lots.ts'

/** How a part was found. */
export type Match = 'exact' | 'alias' | 'bricklink' | 'ldraw' | 'element'

export interface Suggestion {
  /** A part number, or a colour's id. */
  readonly id: string
  readonly name: string
}

/** Why a lot is none that the catalogue knows. */
export type UnresolvedReason =
  | 'UNKNOWN_PART'
  | 'UNKNOWN_COLOUR'
  | 'UNKNOWN_ELEMENT'
  | 'NOT_A_PART'
  | 'NO_ID'

export type Resolution =
  | {
      readonly part: string
      /** Rebrickable's; null where neither the line nor an element says one. */
      readonly colour: number | null
      readonly match: Match
      /** The colour's number stands for several; this is the one with the lowest id. */
      readonly ambiguousColour: boolean
    }
  | { readonly unresolved: UnresolvedReason; readonly part: string | null }

/** Rebrickable's "any colour", which is what BrickLink's 0 is of a part. */
const ANY_COLOUR = 9999

/** A part in a colour. */
export interface Element {
  readonly part: string
  readonly colour: number
}

/** What a number stands for; with a colour where it is an element's. */
export interface FoundPart {
  readonly part: string
  readonly match: Match
  readonly colour?: number
}

/** What the catalogue says of the numbers that some lots name. */
export interface Known {
  /** By its number, of each system; null for what it does not know. */
  readonly parts: Readonly<Record<IdSystem, ReadonlyMap<string, FoundPart | null>>>
  readonly elements: ReadonlyMap<string, Element | null>
  readonly colours: ReadonlySet<number>
  /** By its number, of each system; sorted. */
  readonly colourIds: Readonly<Partial<Record<string, ReadonlyMap<number, readonly number[]>>>>
  /** By name, small letters and digits alone. */
  readonly colourNames: ReadonlyMap<string, number>
}

/** A part's number, and whose it is. */
export type PartNumber = readonly [system: IdSystem, id: string]

/** What the catalogue must be asked of to find some numbers' parts. */
export function textsOf(numbers: readonly PartNumber[]) {
  const ids = numbers.map(([, id]) => id)
  return {
    parts: ids.flatMap((id) => [id, ...mouldsOf(id)]),
    elements: ids.filter((id) => /^\d{5,9}$/.test(id)),
  }
}

/** The number without the letter of its mould, or with each that it may have. */
function mouldsOf(id: string): string[] {
  const base = /^(\d+)[a-z]$/.exec(id)?.[1]
  if (base) return [base]
  return /^\d+$/.test(id) ? ['a', 'b', 'c', 'd'].map((letter) => id + letter) : []
}

/** Finds the part and the colour of a lot, or says what the catalogue does not know. */
export function resolveLot(lot: Lot, known: Known): Resolution {
  if (lot.type !== 'part') return { unresolved: 'NOT_A_PART', part: null }
  // An element is one part in one colour: it says more than the columns beside it.
  const element = lot.element === null ? null : known.elements.get(lot.element)
  const found = element
    ? ({ part: element.part, match: 'element' } as const)
    : firstFound(lot, known.parts)
  if (!found) {
    if (Object.keys(lot.ids).length > 0) return { unresolved: 'UNKNOWN_PART', part: null }
    return { unresolved: lot.element === null ? 'NO_ID' : 'UNKNOWN_ELEMENT', part: null }
  }
  const { part, match } = found
  if (element && lot.colour === null) return resolved(part, match, [element.colour])
  const byId = 'colour' in found ? found.colour : undefined
  const colours = lot.colour ? coloursOf(lot.colour, known) : []
  // Rebrickable's lists carry "any colour" beside element ids.
  if (byId !== undefined && (colours.length === 0 || colours[0] === ANY_COLOUR)) {
    return resolved(part, match, [byId])
  }
  if (lot.colour && colours.length === 0) {
    return element
      ? resolved(part, match, [element.colour])
      : { unresolved: 'UNKNOWN_COLOUR', part }
  }
  return resolved(part, match, colours)
}

function firstFound({ ids }: Lot, parts: Known['parts']): FoundPart | null {
  for (const system of Object.keys(ids) as IdSystem[]) {
    const found = parts[system].get(ids[system]!)
    if (found) return found
  }
  return null
}

function resolved(part: string, match: Match, colours: readonly number[]): Resolution {
  return { part, match, colour: colours[0] ?? null, ambiguousColour: colours.length > 1 }
}

/** Rows of the catalogue, as far as some numbers need them. */
export interface Rows {
  readonly parts: ReadonlySet<string>
  /** By `system id`; sorted. */
  readonly partIds: ReadonlyMap<string, readonly string[]>
  readonly elements: ReadonlyMap<string, Element>
}

/**
 * Exact, alias, BrickLink's map, LDraw's map, element id. Before all of them comes the map of the
 * system whose number it is, where that knows exactly one part: some 200 numbers are one part's there
 * and another's here (BrickLink's 20286b is Rebrickable's 20286a).
 */
export function findPart([system, id]: PartNumber, rows: Rows): FoundPart | null {
  const mapped = (of: string) => rows.partIds.get(`${of} ${id}`) ?? []
  const own = system === 'rebrickable' ? [] : mapped(system)
  if (own.length === 1 && own[0] !== id && rows.parts.has(own[0]!)) {
    return { part: own[0]!, match: system as Match }
  }
  if (rows.parts.has(id)) return { part: id, match: 'exact' }
  const [alias] = mapped('alias').filter((one) => rows.parts.has(one))
  if (alias !== undefined) return { part: alias, match: 'alias' }
  const moulds = mouldsOf(id).filter((one) => rows.parts.has(one))
  const [bricklink] = mapped('bricklink').filter((one) => rows.parts.has(one))
  const [ldraw] = mapped('ldraw').filter((one) => rows.parts.has(one))
  // Of several moulds none is more likely than another; the maps may know.
  if (moulds.length === 1) return { part: moulds[0]!, match: 'alias' }
  if (bricklink !== undefined) return { part: bricklink, match: 'bricklink' }
  if (ldraw !== undefined) return { part: ldraw, match: 'ldraw' }
  const element = rows.elements.get(id)
  return element ? { ...element, match: 'element' } : null
}

function coloursOf(colour: Colour, known: Known): readonly number[] {
  if (colour.system === 'name') {
    const id = known.colourNames.get(plainName(colour.name))
    return id === undefined ? [] : [id]
  }
  if (colour.system === 'rebrickable') return known.colours.has(colour.id) ? [colour.id] : []
  return known.colourIds[colour.system]?.get(colour.id) ?? []
}

/** "Light Bluish Gray", "light-bluish-grey" and so on are one. */
export function plainName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('grey', 'gray')
    .replace(/[^a-z0-9]/g, '')
}
