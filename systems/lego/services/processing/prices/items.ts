import type { Queryable } from '@banyan/postgres'
import type { ItemType } from '../formats/entry.ts'
import type { LotFound } from '../messages.ts'
import type { Item } from './bricklink.ts'

/** Why a lot is nothing that BrickLink can be asked about. */
export type NoItem =
  /** Beside what is needed, and not bought. */
  | 'SPARE'
  /** Neither has the file BrickLink's number of it, nor does the catalogue know it. */
  | 'UNRESOLVED'
  /** Its colour is unknown, any, or none of BrickLink's. */
  | 'NO_COLOUR'

const TYPES: Readonly<Record<ItemType, string>> = {
  part: 'PART',
  set: 'SET',
  minifig: 'MINIFIG',
  book: 'BOOK',
  gear: 'GEAR',
  catalogue: 'CATALOG',
  instruction: 'INSTRUCTION',
  box: 'ORIGINAL_BOX',
  unsorted: 'UNSORTED_LOT',
}

/** What BrickLink calls our parts and colours. */
export interface Numbers {
  readonly parts: ReadonlyMap<string, string>
  readonly colours: ReadonlyMap<number, number>
}

/** What BrickLink is asked about a lot, or why nothing. */
export function itemOf(lot: LotFound, numbers: Numbers): Item | NoItem {
  if (lot.spare) return 'SPARE'
  // The file's own number comes first: what the catalogue made of it may be another mould.
  const no = lot.ids.bricklink ?? (lot.part === null ? undefined : numbers.parts.get(lot.part))
  if (no === undefined) return 'UNRESOLVED'
  const type = TYPES[lot.type]
  if (lot.type !== 'part') return { type, no, colourId: 0 }
  const own = lot.colour?.system === 'bricklink' ? lot.colour.id : undefined
  const known = lot.partColour === null ? undefined : numbers.colours.get(lot.partColour)
  const colourId = own ?? known ?? 0
  // 0 is "not applicable": of a part, any colour, which has no one price.
  return colourId > 0 ? { type, no, colourId } : 'NO_COLOUR'
}

/** Looks up what BrickLink calls the parts and colours of some lots. */
export async function numbersOf(db: Queryable, lots: readonly LotFound[]): Promise<Numbers> {
  const wanted = [...new Set(lots.flatMap(({ part }) => part ?? []))]
  // A part without a number of theirs is called the same there, unless that is another part's there.
  const { rows: parts } = await db.query<{ part: string; id: string }>(
    `SELECT part, coalesce(
       (SELECT external_id FROM processing.part_ids
        WHERE part_num = part AND system = 'bricklink'
        ORDER BY external_id <> part, external_id LIMIT 1),
       part) AS id
     FROM unnest($1::text[]) AS wanted (part)
     WHERE EXISTS (SELECT FROM processing.part_ids WHERE part_num = part AND system = 'bricklink')
       OR NOT EXISTS (SELECT FROM processing.part_ids WHERE external_id = part AND system = 'bricklink')`,
    [wanted],
  )
  const { rows: colours } = await db.query<{ colour: number; id: number }>(
    `SELECT colour_id AS colour, min(external_id) AS id FROM processing.colour_ids
     WHERE system = 'bricklink' GROUP BY colour_id`,
  )
  return {
    parts: new Map(parts.map(({ part, id }) => [part, id])),
    colours: new Map(colours.map(({ colour, id }) => [colour, id])),
  }
}
