import { XMLParser, XMLValidator } from 'fast-xml-parser'
import {
  mergeLots,
  type ParsedParts,
  type Part,
  type Rejected,
  readQuantity,
  UnreadableParts,
} from './parts.ts'

const parser = new XMLParser({
  // Numbers stay text: part "3001.0" and "03001" are not 3001.
  parseTagValue: false,
  ignoreAttributes: true,
  processEntities: true,
  isArray: (name) => name === 'ITEM',
})

const ITEM_TYPES = 'SPMBGCIOU'

/**
 * Reads BrickLink's INVENTORY/ITEM XML: wanted lists (MINQTY, less QTYFILLED) and inventories (QTY).
 *
 * @throws UnreadableParts when it is no XML, or no such list
 */
export function parseBrickLinkXml(text: string): ParsedParts {
  const source = text.replace(/^\uFEFF/, '').trim()
  const valid = XMLValidator.validate(source)
  if (valid !== true) {
    throw new UnreadableParts(`Not valid XML, line ${valid.err.line}: ${valid.err.msg}`)
  }
  const root = parser.parse(source) as { INVENTORY?: { ITEM?: Record<string, unknown>[] } | '' }
  if (root.INVENTORY === undefined) {
    const found = Object.keys(root).filter((name) => !name.startsWith('?'))
    throw new UnreadableParts(`The root element must be INVENTORY, given ${found.join(', ')}`)
  }
  const items = (root.INVENTORY === '' ? undefined : root.INVENTORY.ITEM) ?? []
  const parts: Part[] = []
  const rejected: Rejected[] = []
  items.forEach((item, index) => {
    try {
      const part = readItem(item)
      if (part.quantity > 0) parts.push(part)
    } catch (error) {
      rejected.push({ at: index + 1, reason: (error as Error).message })
    }
  })
  return { parts: mergeLots(parts), rejected }
}

function readItem(item: Record<string, unknown>): Part {
  const field = (name: string) => {
    const value = item[name]
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : null
  }
  const type = field('ITEMTYPE') ?? 'P'
  if (type.length !== 1 || !ITEM_TYPES.includes(type)) {
    throw new Error(`ITEMTYPE must be one of ${[...ITEM_TYPES].join(', ')}, given "${type}"`)
  }
  const part = field('ITEMID')
  if (!part) throw new Error('ITEMID is missing')
  const color = field('COLOR')
  if (color !== null && !/^\d{1,4}$/.test(color)) {
    throw new Error(`COLOR must be a BrickLink colour number, given "${color}"`)
  }
  const wanted = field('MINQTY')
  const quantity =
    wanted === null
      ? readQuantity(field('QTY') ?? '1', 'QTY')
      : Math.max(
          0,
          readQuantity(wanted, 'MINQTY') - readQuantity(field('QTYFILLED') ?? '0', 'QTYFILLED'),
        )
  return {
    part,
    color: color === null ? null : Number(color),
    quantity,
    spare: field('EXTRA') === 'Y',
  }
}
