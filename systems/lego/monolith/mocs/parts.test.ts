import { describe, expect, it } from 'vitest'
import { parseBrickLinkXml } from './bricklink-xml.ts'
import { UnreadableParts } from './parts.ts'
import { parseRebrickableCsv } from './rebrickable-csv.ts'

const item = (fields: Record<string, string>) =>
  `<ITEM>${Object.entries(fields)
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join('')}</ITEM>`

describe('BrickLink XML', () => {
  it('needs what a wanted list still lacks, and merges repeated lots', () => {
    const xml = `<?xml version="1.0"?><INVENTORY>${[
      item({ COLOR: '11', ITEMID: '3001', ITEMTYPE: 'P', MINQTY: '1,752', QTYFILLED: '2' }),
      item({ ITEMTYPE: 'P', ITEMID: '3001', COLOR: '11', MINQTY: '10', REMARKS: 'a &amp;amp; b' }),
      item({ ITEMTYPE: 'P', ITEMID: '3005', COLOR: '1', MINQTY: '4', QTYFILLED: '9' }),
    ].join('\n')}</INVENTORY>`
    expect(parseBrickLinkXml(xml)).toEqual({
      parts: [{ part: '3001', color: 11, quantity: 1760, spare: false }],
      rejected: [],
    })
  })

  it('reads an inventory of one item, and keeps part numbers as they are written', () => {
    const xml = `\uFEFF<INVENTORY>${item({ ITEMTYPE: 'P', ITEMID: '0937', QTY: '3', EXTRA: 'Y' })}</INVENTORY>`
    expect(parseBrickLinkXml(xml).parts).toEqual([
      { part: '0937', color: null, quantity: 3, spare: true },
    ])
  })

  it('rejects the items it cannot read, says which and why, and keeps the rest', () => {
    const xml = `<INVENTORY>${[
      item({ ITEMTYPE: 'P', ITEMID: '3001', MINQTY: '-1' }),
      item({ ITEMTYPE: 'Z', ITEMID: '3001' }),
      item({ ITEMTYPE: 'P' }),
      item({ ITEMTYPE: 'P', ITEMID: '3001', COLOR: 'red' }),
      item({ ITEMTYPE: 'P', ITEMID: '3001' }),
    ].join('')}</INVENTORY>`
    const { parts, rejected } = parseBrickLinkXml(xml)
    expect(parts).toHaveLength(1)
    expect(rejected.map(({ at, reason }) => `${at} ${reason.split(' ')[0]}`)).toEqual([
      '1 MINQTY',
      '2 ITEMTYPE',
      '3 ITEMID',
      '4 COLOR',
    ])
  })

  it.each([
    ['<INVENTORY><ITEM></INVENTORY>', /line 1/],
    ['<BrickStoreXML/>', /must be INVENTORY, given BrickStoreXML/],
    ['', /Not valid XML/],
  ])('refuses %s', (xml, message) => {
    expect(() => parseBrickLinkXml(xml)).toThrow(UnreadableParts)
    expect(() => parseBrickLinkXml(xml)).toThrow(message)
  })
})

describe('Rebrickable CSV', () => {
  it('reads any colour and unknown colour, with and without spares', () => {
    const csv =
      'Part,Color,Quantity,Is Spare\r\n6141,-1,2,True\r\n6141,9999,14,False\r\n3001,4,1\r\n'
    expect(parseRebrickableCsv(csv).parts).toEqual([
      { part: '6141', color: -1, quantity: 2, spare: true },
      { part: '6141', color: 9999, quantity: 14, spare: false },
      { part: '3001', color: 4, quantity: 1, spare: false },
    ])
  })

  it('reads the header of 2014', () => {
    expect(parseRebrickableCsv('Part,Color,Num\n3001,4,2').parts[0]?.quantity).toBe(2)
  })

  it('rejects the lines it cannot read, by their number in the file', () => {
    const csv = 'Part,Color,Quantity\n3001,4,-2\n\n3002,red,1\n3003,4,5\n,4,1\n'
    const { parts, rejected } = parseRebrickableCsv(csv)
    expect(parts).toHaveLength(1)
    expect(rejected.map(({ at }) => at)).toEqual([2, 4, 6])
    expect(rejected[0]?.reason).toContain('given "-2"')
  })

  it.each([
    ['a,b\n1,2', /given "a,b"/],
    ['', /an empty file/],
    ['Part,Color,Quantity\n"3001,4,1', /Not valid CSV/],
  ])('refuses %j', (csv, message) => {
    expect(() => parseRebrickableCsv(csv)).toThrow(UnreadableParts)
    expect(() => parseRebrickableCsv(csv)).toThrow(message)
  })
})
