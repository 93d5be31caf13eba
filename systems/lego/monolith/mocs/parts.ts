/** What a parts list of ours may have come from. */
export const PARTS_FORMATS = ['bricklink-xml', 'rebrickable-csv'] as const
export type PartsFormat = (typeof PARTS_FORMATS)[number]

/** One lot of a parts list. */
export interface Part {
  /** Part number in the catalogue of the list's format. */
  readonly part: string
  /** Colour number of the same catalogue; null where the format gives none. */
  readonly color: number | null
  readonly quantity: number
  readonly spare: boolean
}

/** A line (CSV) or item (XML) that could not be read; the rest of the file was. */
export interface Rejected {
  /** 1-based: line of a CSV, ITEM of an XML. */
  readonly at: number
  readonly reason: string
}

export interface ParsedParts {
  readonly parts: Part[]
  readonly rejected: Rejected[]
}

/** The file as a whole cannot be read. */
export class UnreadableParts extends Error {}

/** Merges lots of the same part, colour and spareness; keeps the order of first appearance. */
export function mergeLots(parts: readonly Part[]): Part[] {
  const lots = new Map<string, Part>()
  for (const part of parts) {
    const key = `${part.part}\n${part.color}\n${part.spare}`
    const known = lots.get(key)
    lots.set(key, known ? { ...known, quantity: known.quantity + part.quantity } : part)
  }
  return [...lots.values()]
}

/** Most of one lot a list may name: far above any real one, far below what an integer sum holds. */
const MAX_QUANTITY = 1_000_000

/** A count as people write it ("1,752"); throws an Error that says what is wrong. */
export function readQuantity(text: string, name: string): number {
  const count = Number(text.replaceAll(',', '').trim())
  if (text.trim() === '' || !Number.isInteger(count) || count < 0 || count > MAX_QUANTITY) {
    throw new Error(`${name} must be a whole number from 0 to ${MAX_QUANTITY}, given "${text}"`)
  }
  return count
}
