import { BadLine, type Entries, type Entry, entryOf, type ItemType, lineOf } from './entry.ts'
import { readColour, readFlag, readQuantity, readText, short } from './values.ts'
import { type XmlRecord, xmlRecords } from './xml.ts'

const TYPES: Readonly<Record<string, ItemType>> = {
  P: 'part',
  S: 'set',
  M: 'minifig',
  B: 'book',
  G: 'gear',
  C: 'catalogue',
  I: 'instruction',
  O: 'box',
  U: 'unsorted',
}

/** BrickLink's `INVENTORY/ITEM`: wanted lists (MINQTY less QTYFILLED) and inventories (QTY). */
export async function* readBrickLinkXml(text: AsyncIterable<string>): Entries {
  for await (const records of xmlRecords(text, [['INVENTORY', 'ITEM']])) {
    yield records.map((record) => entryOf(record.line, () => readItem(record)))
  }
}

function readItem({ line, fields }: XmlRecord): Entry {
  const id = fieldOf(fields, 'ITEMID')
  if (id === null) throw new BadLine('MISSING_ID', 'ITEMID is missing')
  const type = readItemType(fieldOf(fields, 'ITEMTYPE') ?? 'P', 'ITEMTYPE')
  const colour = fieldOf(fields, 'COLOR')
  const wanted = fieldOf(fields, 'MINQTY')
  const quantity =
    wanted === null
      ? readQuantity(fieldOf(fields, 'QTY') ?? '1', 'QTY')
      : readQuantity(wanted, 'MINQTY') -
        readQuantity(fieldOf(fields, 'QTYFILLED') ?? '0', 'QTYFILLED')
  // Other choices for a lot that is counted already.
  if (flagOf(fields, 'ALTERNATE')) return { kind: 'skipped', line, reason: 'alternate' }
  if (flagOf(fields, 'COUNTERPART')) return { kind: 'skipped', line, reason: 'counterpart' }
  return lineOf({
    line,
    type,
    ids: { bricklink: id },
    colour: brickLinkColour(colour === null ? 0 : readColour(colour, 'COLOR'), type),
    quantity: Math.max(0, quantity),
    spare: flagOf(fields, 'EXTRA'),
    remarks: unescapeOnce(fieldOf(fields, 'REMARKS')),
  })
}

type Fields = XmlRecord['fields']

function fieldOf(fields: Fields, name: string): string | null {
  return readText(fields.get(name), name)
}

function flagOf(fields: Fields, name: string): boolean {
  return readFlag(fieldOf(fields, name) ?? '', name)
}

/** @throws BadLine BAD_ITEM_TYPE */
export function readItemType(given: string, name: string): ItemType {
  const type = TYPES[given]
  if (type) return type
  const known = Object.keys(TYPES).join(', ')
  throw new BadLine('BAD_ITEM_TYPE', `${name} must be one of ${known}, given "${short(given)}"`)
}

/** 0 is "not applicable": right for a set, a figure or a book, and a colour of its own for a part. */
export function brickLinkColour(id: number, type: ItemType) {
  return id === 0 && type !== 'part' ? null : ({ system: 'bricklink', id } as const)
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  '#39': "'",
  '#40': '(',
  '#41': ')',
}

/** BrickLink escapes remarks once before it writes them into XML, which escapes them again. */
function unescapeOnce(text: string | null): string | null {
  return text?.replace(/&(#?\w{2,4});/g, (whole, name: string) => ENTITIES[name] ?? whole) ?? null
}
