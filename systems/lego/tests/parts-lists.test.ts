import { type Client, Random } from '@banyan/lab'
import { describe, expect, it } from 'vitest'
import { readParts } from '../monolith/mocs/read-parts.ts'
import { Tallies } from '../monolith/services/tallies.ts'
import { Parser } from '../parser.ts'
import { NotRead, readNow } from '../services/processing/read-now.ts'

const alone = { storage: null, processing: null, tallies: new Tallies() }

interface Given {
  readonly fileName: string
  readonly content: string
}

/** What the monolith answers to `POST /api/parts-lists/parse`, or why not. */
async function byMonolith({ fileName: name, content }: Given) {
  const upload = { name, mimeType: 'text/plain', content: Buffer.from(content) }
  try {
    const list = await readParts(alone, 'ada', upload, undefined)
    const pieceCount = list.parts.reduce((sum, part) => sum + part.quantity, 0)
    return { ...list, lotCount: list.parts.length, pieceCount }
  } catch (error) {
    const { status, code } = error as { status: number; code: string }
    return { status, code }
  }
}

async function byProcessing(given: Given) {
  try {
    return await readNow(given)
  } catch (error) {
    if (!(error instanceof NotRead)) throw error
    const { status, code } = error
    return { status, code }
  }
}

const item = (fields: string) => `<ITEM><ITEMTYPE>P</ITEMTYPE>${fields}</ITEM>`
const xml = (...items: string[]) => `<INVENTORY>${items.map(item).join('')}</INVENTORY>`

describe('a parts list that is read at once', () => {
  it.each<[string, Given]>([
    [
      'Rebrickable CSV, with lots of the same part',
      {
        fileName: 'a.csv',
        content: 'Part,Color,Quantity,Is Spare\n3001,4,2,False\n3001,4,3,False\n3957,-1,1,True\n',
      },
    ],
    ['its older header', { fileName: 'a.csv', content: 'Part,Color,Num\n3001,4,"1,752"\n' }],
    [
      'a BrickLink wanted list',
      {
        fileName: 'a.xml',
        content: xml(
          '<ITEMID>3001</ITEMID><COLOR>11</COLOR><MINQTY>5</MINQTY><QTYFILLED>2</QTYFILLED>',
          '<ITEMID>3002</ITEMID><COLOR>5</COLOR><MINQTY>1</MINQTY>',
        ),
      },
    ],
    [
      'a BrickLink inventory with a spare',
      {
        fileName: 'a.xml',
        content: xml('<ITEMID>3001</ITEMID><COLOR>11</COLOR><QTY>3</QTY><EXTRA>Y</EXTRA>'),
      },
    ],
    ['a list of nothing', { fileName: 'a.csv', content: 'Part,Color,Quantity\n' }],
    ['what is none', { fileName: 'a.txt', content: 'Dear all, see the attached list' }],
    ['XML of another kind', { fileName: 'a.txt', content: '<HTML><BODY/></HTML>' }],
    ['XML that breaks off', { fileName: 'a.xml', content: '<INVENTORY><ITEM>' }],
  ])('is the same by the service as by the monolith: %s', async (_, given) => {
    expect(await byProcessing(given)).toEqual(await byMonolith(given))
  })

  it('is what the load expects, whoever reads it', async () => {
    const random = new Random(7)
    const client: Client = new Parser({ id: 'ada', tag: 't', token: 'x' })
    for (let i = 0; i < 50; i++) {
      const step = client.next(random)
      for (const read of [byMonolith, byProcessing]) {
        const body = await read(step.body as Given)
        expect(step.conclude('acknowledged', { status: 200, body })).toEqual({})
        const wrong = { ...body, pieceCount: -1 }
        expect(step.conclude('acknowledged', { status: 200, body: wrong })).not.toEqual({})
      }
    }
  })
})
