import { BadLine } from './entry.ts'

/** Most of one lot a list may name: far above any real one, far below what an integer sum holds. */
export const MAX_QUANTITY = 1_000_000
/** No id, name or remark is longer; BrickLink's remarks end at 255. */
const MAX_TEXT = 1_000

/** A count as people write it: `4`, `1,752`. @throws BadLine BAD_QUANTITY */
export function readQuantity(given: string, name: string): number {
  const text = given.trim()
  const plain = /^\d{1,3}(,\d{3})+$/.test(text) ? text.replaceAll(',', '') : text
  const count = /^\d{1,9}$/.test(plain) ? Number(plain) : Number.NaN
  if (count <= MAX_QUANTITY) return count
  throw new BadLine(
    'BAD_QUANTITY',
    `${name} must be a whole number from 0 to ${MAX_QUANTITY}, given "${short(text)}"`,
  )
}

/** A colour number. @throws BadLine BAD_COLOUR */
export function readColour(given: string, name: string, least = 0): number {
  const id = /^-?\d{1,9}$/.test(given.trim()) ? Number(given) : Number.NaN
  if (id >= least) return id
  throw new BadLine('BAD_COLOUR', `${name} must be a colour number, given "${short(given)}"`)
}

/** @throws BadLine BAD_VALUE */
export function readFlag(given: string, name: string): boolean {
  const text = given.trim().toLowerCase()
  if (['', 'false', 'f', 'n', 'no', '0'].includes(text)) return false
  if (['true', 't', 'y', 'yes', '1'].includes(text)) return true
  throw new BadLine('BAD_VALUE', `${name} must be True or False, given "${short(given)}"`)
}

/** Trimmed; null when there is nothing. @throws BadLine BAD_VALUE when it is too long */
export function readText(given: string | undefined, name: string): string | null {
  const text = given?.trim() ?? ''
  if (text.length > MAX_TEXT) {
    throw new BadLine('BAD_VALUE', `${name} has ${text.length} characters, ${MAX_TEXT} are allowed`)
  }
  return text === '' ? null : text
}

/** What was given, as far as a message shows it. */
export function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
