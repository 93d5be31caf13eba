/** What a part list may ask for; BrickLink's item types. */
export const ITEM_TYPES = [
  'part',
  'set',
  'minifig',
  'book',
  'gear',
  'catalogue',
  'instruction',
  'box',
  'unsorted',
] as const
export type ItemType = (typeof ITEM_TYPES)[number]

/** Whose numbers a file counts in. */
export type IdSystem = 'rebrickable' | 'bricklink' | 'ldraw'

/** One readable line of a part list, in the file's own numbers. */
export interface Line {
  readonly kind: 'line'
  /** 1-based, where it begins in the file (in `model.ldr` of an .io). */
  readonly line: number
  readonly type: ItemType
  /** The part by each system that the file names it in; empty for a custom item that has a name alone. */
  readonly ids: Readonly<Partial<Record<IdSystem, string>>>
  /** LEGO's number of a part in a colour. */
  readonly element: string | null
  readonly colour: Colour | null
  readonly quantity: number
  readonly spare: boolean
  readonly name: string | null
  readonly remarks: string | null
}

/** A colour by number, or as a custom file writes it out. */
export type Colour =
  | { readonly system: IdSystem; readonly id: number }
  | { readonly system: 'name'; readonly name: string }

/** A line that cannot be read; the rest of the file is. */
export interface Problem {
  readonly kind: 'problem'
  readonly line: number
  readonly code: ProblemCode
  readonly message: string
}
export type ProblemCode =
  | 'BAD_QUANTITY'
  | 'BAD_COLOUR'
  | 'BAD_ITEM_TYPE'
  | 'BAD_VALUE'
  | 'MISSING_ID'
  | 'MISSING_SUBMODEL'

/** A line that is understood and counts for nothing; counted, so that no line is lost silently. */
export interface Skipped {
  readonly kind: 'skipped'
  readonly line: number
  readonly reason: 'excluded' | 'nothing needed' | 'alternate' | 'counterpart'
}

/** The number of pieces that the file itself says it has. */
export interface Checksum {
  readonly kind: 'checksum'
  readonly pieces: number
}

export type Entry = Line | Problem | Skipped | Checksum

/**
 * What a reader gives: the entries of each piece of the file together, since handing over each by
 * itself costs ten times what reading it does.
 */
export type Entries = AsyncGenerator<readonly Entry[]>

/** Thrown by what reads one value, caught by what reads the line it is in. */
export class BadLine extends Error {
  readonly code: ProblemCode

  constructor(code: ProblemCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Reads one line; what is wrong with it becomes its entry. */
export function entryOf(line: number, read: () => Entry): Entry {
  try {
    return read()
  } catch (error) {
    return problemOf(line, error)
  }
}

/** @throws what is no BadLine */
export function problemOf(line: number, error: unknown): Problem {
  if (!(error instanceof BadLine)) throw error
  return { kind: 'problem', line, code: error.code, message: error.message }
}

/** A line with what most lines do not say. */
export function lineOf(
  given: Pick<Line, 'line' | 'quantity' | 'colour'> & Partial<Line>,
): Line | Skipped {
  if (given.quantity === 0) return { kind: 'skipped', line: given.line, reason: 'nothing needed' }
  return {
    kind: 'line',
    type: 'part',
    ids: {},
    element: null,
    spare: false,
    name: null,
    remarks: null,
    ...given,
  }
}
