import { describe, expect, it } from 'vitest'
import { collectLots } from './lots.ts'
import { openPartList } from './part-list.ts'
import { PartListRefused } from './refusal.ts'
import { inPieces, readAll, studioZip } from './testing.ts'

const refusal = async (file: string | Uint8Array, options?: object, size?: number) => {
  const error = await readAll(file, options, size).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(PartListRefused)
  const { code, line, message } = error as PartListRefused
  return { code, line, message }
}

const inventory = (...items: string[]) => `<INVENTORY>\n${items.join('\n')}\n</INVENTORY>`
const item = (fields: Record<string, string>) =>
  `<ITEM>${Object.entries(fields)
    .map(([name, text]) => `<${name}>${text}</${name}>`)
    .join('')}</ITEM>`

describe('BrickLink XML', () => {
  it('needs MINQTY less QTYFILLED, reads 1,752, and merges the same lots', async () => {
    const xml = `<?xml version="1.0"?>\n${inventory(
      item({ COLOR: '11', ITEMID: '3001', ITEMTYPE: 'P', MINQTY: '1,752', QTYFILLED: '2' }),
      item({ ITEMTYPE: 'P', ITEMID: '3001', COLOR: '11', MINQTY: '1', MAXPRICE: '-1.0000' }),
      item({ ITEMTYPE: 'P', ITEMID: '3002', COLOR: '5', MINQTY: '4', QTYFILLED: '9' }),
    )}`
    const { format, lots, totals } = await readAll(xml)
    expect([format, ...lots]).toEqual(['bricklink-xml', '3001 bricklink 11 x1751'])
    expect(totals).toMatchObject({ lines: 2, pieces: 1_751, skipped: { 'nothing needed': 1 } })
  })

  it('knows spares, alternates, counterparts, and that sets have no colour', async () => {
    const xml = inventory(
      item({ ITEMID: '3001', COLOR: '0', QTY: '2', EXTRA: 'Y' }),
      item({ ITEMTYPE: 'S', ITEMID: '6080-1', COLOR: '0', QTY: '1' }),
      item({ ITEMID: '3001', QTY: '1', ALTERNATE: 'Y', MATCHID: '3' }),
      item({ ITEMID: '3001', QTY: '1', COUNTERPART: 'Y' }),
    )
    const { lots, totals } = await readAll(xml)
    expect(lots).toEqual(['3001 bricklink 0 x2 spare', '6080-1 - x1'])
    expect(totals.skipped).toEqual({ alternate: 1, counterpart: 1 })
  })

  it('says which lines it cannot read, and keeps the rest', async () => {
    const xml = inventory(
      item({ ITEMID: '3001', MINQTY: '-1' }),
      item({ ITEMID: '3001', ITEMTYPE: 'Z' }),
      item({ QTY: '1' }),
      item({ ITEMID: '3001', COLOR: 'red' }),
      item({ ITEMID: 'x'.repeat(1_001) }),
      item({ ITEMID: '3001' }),
    )
    const { lots, problems } = await readAll(xml)
    expect(lots).toEqual(['3001 bricklink 0 x1'])
    expect(problems).toEqual([
      '2 BAD_QUANTITY',
      '3 BAD_ITEM_TYPE',
      '4 MISSING_ID',
      '5 BAD_COLOUR',
      '6 BAD_VALUE',
    ])
  })

  it('takes off the second escaping of remarks', async () => {
    const xml = inventory(item({ ITEMID: '3001', REMARKS: 'A &amp;amp; B &amp;#40;C&amp;#41;' }))
    const { entries } = await openPartList(inPieces(xml))
    const [lot] = [...(await collectLots(entries)).lots()]
    expect(lot?.remarks).toBe('A & B (C)')
  })
})

describe('BrickStore', () => {
  const bsx = (root: string, items: string) =>
    `<!DOCTYPE ${root}>\n<${root}><Inventory>\n${items}</Inventory><GuiState><Item><ItemID>no</ItemID></Item></GuiState></${root}>`
  const entry = (id: string, more: string) =>
    `<Item><ItemID>${id}</ItemID><ItemTypeID>P</ItemTypeID>${more}</Item>\n`

  it.each(['BrickStoreXML', 'BrickStockXML'])(
    'reads %s without what is excluded or 0',
    async (root) => {
      const xml = bsx(
        root,
        entry('3001', '<ColorID>11</ColorID><Qty>2</Qty>') +
          entry('3001', '<ColorID>11</ColorID><Qty>3</Qty><Comments/>') +
          entry('3002', '<ColorID>11</ColorID><Qty>3</Qty><Status>X</Status>') +
          entry('3003', '<ColorID>11</ColorID>') +
          entry('3004', '<ColorID>1</ColorID><Qty>1</Qty><Status>E</Status>') +
          entry('3005', '<Qty>1</Qty>'),
      )
      const { format, lots, problems, totals } = await readAll(xml)
      expect([format, ...lots]).toEqual([
        'brickstore',
        '3001 bricklink 11 x5',
        '3004 bricklink 1 x1 spare',
      ])
      expect(problems).toEqual(['8 BAD_COLOUR'])
      expect(totals.skipped).toEqual({ excluded: 1, 'nothing needed': 1 })
    },
  )
})

describe('CSV', () => {
  it('reads Rebrickable lists of every year, with any colour and unknown colour', async () => {
    const csv =
      'Part,Color,Quantity,Is Spare\r\n6141,-1,2,True\r\n6141,9999,14,False\r\n3001,4,1\r\n'
    expect(await readAll(csv)).toMatchObject({
      format: 'rebrickable-csv',
      lots: ['6141 rebrickable -1 x2 spare', '6141 rebrickable 9999 x14', '3001 rebrickable 4 x1'],
    })
    expect((await readAll('Part,Color,Num\n3001,4,2')).lots).toEqual(['3001 rebrickable 4 x2'])
  })

  it('names the lines it cannot read by their number in the file', async () => {
    const csv = '\nPart,Color,Quantity\n3001,4,-2\n\n3002,red,1\n3003,4,5\n,4,1\n3004,4\n'
    expect(await readAll(csv)).toMatchObject({
      lots: ['3003 rebrickable 4 x5'],
      problems: ['3 BAD_QUANTITY', '5 BAD_COLOUR', '7 MISSING_ID', '8 BAD_QUANTITY'],
    })
  })

  it("takes Studio's totals for a checksum, not for parts", async () => {
    const studio = (total: string) =>
      `BLItemNo,ElementId,LdrawId,PartName,BLColorId,LDrawColorId,ColorName,ColorCategory,Qty,Weight\n3001,300121,3001,"Brick 2 x 4, ""old""",5,4,Red,Solid Colors,3,2.32\n,,,,,,,,,\nTotal qty,Total Weight,,,,,,,,\n${total},6.96,,,,,,,,\n`
    const { format, lots, totals } = await readAll(studio('3'))
    expect([format, ...lots]).toEqual(['studio-csv', '3001/3001 bricklink 5 x3'])
    expect(totals.checksum).toEqual({ pieces: 3, agrees: true })
    expect((await readAll(studio('4'))).totals.checksum).toEqual({ pieces: 4, agrees: false })
  })

  it('reads Pick a Brick, orders, and other lists whose headers are common', async () => {
    expect(await readAll('elementId,quantity\n300121,4\n6016172,12\n')).toMatchObject({
      format: 'pick-a-brick-csv',
      lots: ['300121 - x4', '6016172 - x12'],
    })
    const order =
      '"Element ID";"Design ID";"Name";"Colour";"Quantity ordered"\n300121;3001;Brick;Bright Red;4\n'
    expect(await readAll(order)).toMatchObject({
      format: 'custom-csv',
      lots: ['3001 Bright Red x4'],
    })
  })

  it('reads columns that the user names, in the numbers the user says', async () => {
    const csv = 'Teil\tFarbe\tMenge\tWas\n3001\t5\t2\tStein\n\t\t3\tKerze\n'
    const columns = { part: 'Teil', colour: 'Farbe', quantity: 'Menge', name: 'Was' }
    expect(await readAll(csv, { columns, ids: 'bricklink' })).toMatchObject({
      format: 'custom-csv',
      lots: ['3001 bricklink 5 x2', 'Kerze - x3'],
    })
    expect(await refusal(csv, { columns: { ...columns, quantity: 'Anzahl' } })).toMatchObject({
      code: 'MISSING_COLUMNS',
      message: expect.stringContaining('"Anzahl" (for quantity)'),
    })
  })

  it.each([
    ['Part,Color,Quantity\n"3001,4,1', 'BAD_CSV'],
    ['a,b\n1,2', 'UNSUPPORTED_FORMAT'],
    ['hello', 'UNSUPPORTED_FORMAT'],
    ['', 'EMPTY_FILE'],
    [' \n', 'UNSUPPORTED_FORMAT'],
  ])('refuses %j as %s', async (csv, code) => {
    expect((await refusal(csv)).code).toBe(code)
  })
})

describe('JSON', () => {
  it("reads Pick a Brick's array, and an order's, entry by entry with its line", async () => {
    const json =
      '[\n{"elementId":"300121","quantity":4},\n{"elementId":6016172,"quantity":"x"},\n{"quantity":1}]'
    expect(await readAll(json)).toMatchObject({
      format: 'lego-json',
      lots: ['300121 - x4'],
      problems: ['3 BAD_QUANTITY', '4 MISSING_ID'],
    })
    const order =
      '{"note":"a ] \\" {","lines":[{"elementId":"300121","qty":2,"sizes":{"a":[1]}}],"x":[{}]}'
    expect((await readAll(order)).lots).toEqual(['300121 - x2'])
  })

  it.each([
    ['[{"elementId":"300121","quantity":4}', 'BAD_JSON'],
    ['[{"elementId":"300121",}]', 'BAD_JSON'],
    ['[{"a":1}]', 'MISSING_COLUMNS'],
    [`[{"name":"${'x'.repeat(70_000)}"}]`, 'BAD_JSON'],
    ['['.repeat(40), 'BAD_JSON'],
  ])('refuses %.40s', async (json, code) => {
    expect((await refusal(json, undefined, 65_536)).code).toBe(code)
  })
})

describe('LDCad', () => {
  it('reads the items of a part bin group', async () => {
    const pbg =
      '[options]\nkind=basic\n\n<items>\n3010.dat:[sourceInv=parts] [color=15] [count=12]\n3001.dat:[color=4] [count=-1]\nwhat\n'
    expect(await readAll(pbg)).toMatchObject({
      format: 'ldcad-pbg',
      lots: ['3010 ldraw 15 x12'],
      problems: ['6 BAD_QUANTITY', '7 MISSING_ID'],
    })
  })
})

describe('Studio .io', () => {
  const place = '0 0 0 1 0 0 0 1 0 0 0 1'
  const model = [
    '\uFEFF0 FILE main',
    `1 4 ${place} 3001.dat`,
    `1 4 ${place} Wing left`,
    `1 1 ${place} Wing left`,
    `1 7 ${place} 3001.dat`,
    '0 NOFILE',
    '0 FILE wing left',
    `1 16 ${place} 3020.dat`,
    `1 0 ${place} tip.ldr`,
    '0 FILE tip.ldr',
    `1 16 ${place} s\\own.dat`,
    '0 FILE s/own.dat',
    `1 16 ${place} 4-4cyli.dat`,
  ].join('\r\n')

  it.each(['soho0909', null])(
    'counts submodels in the colours they are used in (password %s)',
    async (password) => {
      const io = await studioZip({ 'model.ldr': model, '.info': '{"total_parts":6}' }, password)
      expect(await readAll(io)).toMatchObject({
        format: 'studio-io',
        lots: [
          '3001 ldraw 4 x1',
          '3001 ldraw 7 x1',
          '3020 ldraw 4 x1',
          '3020 ldraw 1 x1',
          's/own ldraw 0 x2',
        ],
        totals: { pieces: 6, checksum: { pieces: 6, agrees: true } },
      })
    },
  )

  it('says which submodel is not in the file', async () => {
    const io = await studioZip({ 'model.ldr': `1 4 ${place} roof.ldr\n1 4 ${place} 3001.dat` })
    expect(await readAll(io)).toMatchObject({
      lots: ['3001 ldraw 4 x1'],
      problems: ['1 MISSING_SUBMODEL'],
    })
  })

  it('refuses what cannot be unpacked or counted', async () => {
    const bad = async (files: Record<string, string | Uint8Array>, password?: string | null) =>
      (await refusal(await studioZip(files, password), undefined, 65_536)).code
    expect(await bad({ 'model.ldr': model }, 'another')).toBe('BAD_ARCHIVE')
    expect(await bad({ 'other.txt': 'x' })).toBe('BAD_ARCHIVE')
    expect(await bad({ 'model.ldr': new TextEncoder().encode('0 STEP\n'.repeat(250_000)) })).toBe(
      'ARCHIVE_TOO_LARGE',
    )
    const many = Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`${n}`, '']))
    expect(await bad(many, null)).toBe('ARCHIVE_TOO_LARGE')
    expect(await bad({ 'model.ldr': `0 FILE a\n1 4 ${place} a` })).toBe('BAD_MODEL')
    // 10 x 10 x … of one brick: counted, not unfolded.
    const laughs = Array.from({ length: 12 }, (_, n) =>
      [
        `0 FILE m${n}`,
        ...Array(10).fill(`1 16 ${place} ${n < 11 ? `m${n + 1}` : '3001.dat'}`),
      ].join('\n'),
    )
    expect(await bad({ 'model.ldr': laughs.join('\n') })).toBe('BAD_MODEL')
    expect((await refusal(Buffer.from('PK\x03\x04 and no more'))).code).toBe('BAD_ARCHIVE')
  })
})

describe('encodings', () => {
  const csv = 'name,quantity\nGröße,1\n'
  const utf16 = (text: string, swap: boolean) => {
    const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le')
    return swap ? bytes.swap16() : bytes
  }

  it('reads UTF-8, UTF-16 with its mark, and Windows-1252 where that is said', async () => {
    const latin = Buffer.from(csv, 'latin1')
    for (const file of [csv, `\uFEFF${csv}`, utf16(csv, false), utf16(csv, true)]) {
      expect((await readAll(file)).lots).toEqual(['Größe - x1'])
    }
    expect((await readAll(latin, { encoding: 'windows-1252' })).lots).toEqual(['Größe - x1'])
    const xml = `<?xml version="1.0" encoding="ISO-8859-1"?>${inventory(item({ ITEMID: 'ö' }))}`
    expect((await readAll(Buffer.from(xml, 'latin1'))).lots).toEqual(['ö bricklink 0 x1'])
  })

  it('refuses what is in another encoding than it says, and says what to do', async () => {
    const latin = await refusal(Buffer.from(csv, 'latin1'))
    expect(latin).toMatchObject({ code: 'BAD_ENCODING', message: expect.stringContaining('utf-8') })
    for (const file of [
      utf16(csv, false).subarray(2),
      '<?xml version="1.0" encoding="Shift_JIS"?><INVENTORY/>',
      '<?xml version="1.0" encoding="UTF-16"?><INVENTORY/>',
      utf16('<?xml version="1.0" encoding="UTF-8"?><INVENTORY/>', false),
    ]) {
      expect((await refusal(file)).code).toBe('BAD_ENCODING')
    }
  })
})

describe('attacks by XML', () => {
  it.each([
    [
      'billion laughs',
      `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><INVENTORY>&b;</INVENTORY>`,
      'XML_DTD',
    ],
    ['an external DTD', '<!DOCTYPE INVENTORY SYSTEM "file:///etc/passwd"><INVENTORY/>', 'XML_DTD'],
    ['an entity nobody declared', inventory(item({ ITEMID: '&xxe;' })), 'BAD_XML'],
    ['depth', `<INVENTORY>${'<a>'.repeat(20)}`, 'XML_TOO_DEEP'],
    ['a giant attribute', `<INVENTORY a="${'x'.repeat(300_000)}"/>`, 'XML_TOKEN_TOO_LARGE'],
    ['a giant text', inventory(item({ ITEMID: 'x'.repeat(300_000) })), 'XML_TOKEN_TOO_LARGE'],
    ['a file that ends too early', '<INVENTORY><ITEM>', 'BAD_XML'],
    ['HTML', '<!DOCTYPE html><html><body>Sign in</body></html>', 'BAD_XML'],
    ['another root', '<CATALOG/>', 'UNSUPPORTED_FORMAT'],
  ])('refuses %s', async (_what, xml, code) => {
    const { code: given, line } = await refusal(xml, undefined, 16_384)
    expect(given).toBe(code)
    if (code !== 'UNSUPPORTED_FORMAT')
      expect(line).toBe(1 + Number(xml.startsWith('<INVENTORY>\n')))
  })
})

describe('a file of 200 MB', () => {
  it('is refused when the limit is reached, and no more of it is read', async () => {
    const row = Buffer.from(`${'3001,4,1\n'.repeat(7_000)}`)
    let sent = 0
    async function* huge() {
      yield Buffer.from('Part,Color,Quantity\n')
      for (; sent < 200e6; sent += row.length) yield row
    }
    const { entries } = await openPartList(huge(), { maxBytes: 500_000 })
    await expect(collectLots(entries)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' })
    expect(sent).toBeLessThan(500_000 + 2 * row.length)
  })

  it('is refused when it has more lots than may be held', async () => {
    let sent = 0
    async function* endless() {
      yield Buffer.from('Part,Color,Quantity\n')
      for (;;) {
        sent += 1_000
        yield Buffer.from(Array.from({ length: 1_000 }, (_, n) => `${sent + n},4,1\n`).join(''))
      }
    }
    const { entries } = await openPartList(endless())
    await expect(collectLots(entries, { lots: 2_000 })).rejects.toMatchObject({
      code: 'TOO_MANY_LOTS',
    })
    expect(sent).toBeLessThan(20_000)
  })
})
