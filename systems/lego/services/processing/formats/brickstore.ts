import { brickLinkColour, readItemType } from './bricklink-xml.ts'
import { BadLine, type Entries, type Entry, entryOf, lineOf } from './entry.ts'
import { readColour, readQuantity, readText, short } from './values.ts'
import { type XmlRecord, xmlRecords } from './xml.ts'

const PATHS = ['BrickStoreXML', 'BrickStockXML'].map((root) => [root, 'Inventory', 'Item'])

/** BrickStore's .bsx, and BrickStock's. Status I is counted, E is extra, X is excluded. */
export async function* readBrickStore(text: AsyncIterable<string>): Entries {
  for await (const records of xmlRecords(text, PATHS)) {
    yield records.map((record) => entryOf(record.line, () => readItem(record)))
  }
}

function readItem({ line, fields }: XmlRecord): Entry {
  const field = (name: string) => readText(fields.get(name), name)
  const id = field('ItemID')
  if (id === null) throw new BadLine('MISSING_ID', 'ItemID is missing')
  const typeId = field('ItemTypeID')
  if (typeId === null) throw new BadLine('BAD_ITEM_TYPE', 'ItemTypeID is missing')
  const type = readItemType(typeId, 'ItemTypeID')
  const colour = field('ColorID')
  if (colour === null) throw new BadLine('BAD_COLOUR', 'ColorID is missing')
  const status = field('Status') ?? 'I'
  if (!['I', 'X', 'E'].includes(status)) {
    throw new BadLine('BAD_VALUE', `Status must be I, X or E, given "${short(status)}"`)
  }
  const quantity = readQuantity(field('Qty') ?? '0', 'Qty')
  const colourId = readColour(colour, 'ColorID')
  if (status === 'X') return { kind: 'skipped', line, reason: 'excluded' }
  return lineOf({
    line,
    type,
    ids: { bricklink: id },
    colour: brickLinkColour(colourId, type),
    quantity,
    spare: status === 'E',
    name: field('ItemName'),
    remarks: field('Comments'),
  })
}
