import { NOBODYS, type Step } from './step.ts'

const item = (part: string, quantity: number) =>
  `<ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>${part}</ITEMID><COLOR>11</COLOR><MINQTY>${quantity}</MINQTY></ITEM>`
const XML = `<INVENTORY>${item('3001', 5)}${item('3005', 7)}${item('3001', 1)}</INVENTORY>`
const CSV = 'Part,Color,Quantity,Is Spare\n3001,4,2,False\n3002,red,1,False\n6141,-1,9,True\n'

function form(name: string, content: string, fields: Record<string, string> = {}): FormData {
  const data = new FormData()
  for (const [field, value] of Object.entries(fields)) data.set(field, value)
  data.set('file', new Blob([content], { type: 'text/plain' }), name)
  return data
}

function formOf(fields: Record<string, string>): FormData {
  const data = new FormData()
  for (const [field, value] of Object.entries(fields)) data.set(field, value)
  return data
}

const image = { title: 'A', imageUrl: 'https://img.example.org/a.png' }

/** A path that begins with `~` is of another capability. */
export const mocSteps: readonly Step[] = [
  ['GET', '', undefined, null],
  ['GET', ''],
  // Images $1 and $2, album $3.
  ['POST', '~gallery', image],
  ['POST', '~gallery', image, 'other'],
  ['POST', '~gallery/albums', { title: 'Best' }],
  // MOCs $4 to $6.
  ['POST', '', { title: ' Long March 10B ', theme: 'Space', tags: ['rocket', ' CZ '] }],
  [
    'POST',
    '',
    {
      title: 'Castle "Ⅱ"',
      description: 'a\nb',
      author: 'Ada',
      theme: 'Castle',
      thumbnailUrl: 'https://img.example.org/t.png',
      galleryImageIds: ['$2', '$1', '$2'],
      galleryAlbumIds: ['$3'],
    },
  ],
  ['POST', '', { title: 'Of another', theme: 'Space' }, 'other'],
  ['POST', '', { title: 'X', galleryImageIds: [NOBODYS] }],
  ['POST', '', { title: 'X', galleryAlbumIds: ['$1', NOBODYS] }],
  ['POST', '', { title: 'X', galleryImageIds: ['x'], theme: 'castle', status: 'complete' }],
  ['POST', '', {}],
  ['POST', ''],
  ['POST', '', 'not json'],
  ['POST', '', { title: 'X', galleryImageIds: Array(101).fill(NOBODYS) }],
  ['GET', ''],
  ['GET', '?theme=Space'],
  ['GET', '?theme=Spaceship'],
  ['GET', '?mine=true&limit=1&page=2'],
  ['GET', '?theme=Space&limit=1&page=9'],
  ['GET', '?mine=1&limit=0'],
  ['GET', '/$5'],
  ['GET', '/$5', undefined, 'other'],
  ['GET', `/${NOBODYS}`],
  ['GET', '/no-uuid'],
  ['PATCH', '/$4', { title: 'Long March', theme: null, tags: [], galleryImageIds: ['$1'] }],
  ['PATCH', '/$4', { description: 'x', galleryAlbumIds: [] }],
  ['PATCH', '/$4', { galleryImageIds: [NOBODYS, '$2'] }],
  ['PATCH', '/$4', { galleryAlbumIds: [NOBODYS], galleryImageIds: [NOBODYS] }],
  ['PATCH', '/$4', { status: 'complete' }],
  ['PATCH', '/$4', { status: 'complete', galleryImageIds: [NOBODYS] }],
  ['PATCH', '/$4', { status: 'incomplete', totalPieceCount: 5 }],
  ['PATCH', '/$4', {}],
  ['PATCH', '/$4', { title: 'X' }, 'other'],
  ['PATCH', '/$4', { galleryImageIds: [NOBODYS] }, 'other'],
  ['PATCH', '/no-uuid', { title: '' }],
  ['PATCH', '/no-uuid', { title: 'X' }],
  ['PATCH', `/${NOBODYS}`, { title: 'X' }],
  ['GET', '/$4'],
  // Parts lists $7 and $8, both of MOC $4.
  ['GET', '/$4/parts-lists'],
  ['POST', '/$4/parts-lists', form('castle.xml', XML)],
  ['POST', '/$4/parts-lists', form('any', CSV, { format: 'rebrickable-csv', title: ' Roof ' })],
  ['POST', '/$4/parts-lists', form('castle.txt', XML)],
  ['POST', '/$4/parts-lists', form('castle.xml', '<INVENTORY><ITEM></INVENTORY>')],
  ['POST', '/$4/parts-lists', form('castle.xml', '<BrickStoreXML/>')],
  ['POST', '/$4/parts-lists', form('roof.csv', 'a,b\n1,2')],
  ['POST', '/$4/parts-lists', form('roof.csv', 'Part,Color,Quantity\n3001,red,1\n3002,4,x\n')],
  ['POST', '/$4/parts-lists', form('roof.csv', CSV, { format: 'stud.io', title: ' ' })],
  ['POST', '/$4/parts-lists', form('roof.csv', CSV, { 'title[a]': 'x' })],
  ['POST', '/$4/parts-lists', formOf({ title: 'no file' })],
  ['POST', '/$4/parts-lists', formOf({ file: 'no file either' })],
  ['POST', '/$4/parts-lists', { title: 'not a form' }],
  ['POST', '/$4/parts-lists'],
  ['POST', '/no-uuid/parts-lists', form('roof.csv', CSV)],
  ['POST', `/${NOBODYS}/parts-lists`, form('roof.csv', CSV)],
  ['POST', '/$4/parts-lists', form('roof.csv', CSV), 'other'],
  ['POST', '/$4/parts-lists', form('roof.csv', CSV), null],
  ['GET', '/$4/parts-lists'],
  ['GET', `/${NOBODYS}/parts-lists`],
  ['GET', '/$4/parts-lists/$7', undefined, 'other'],
  ['GET', '/$5/parts-lists/$7'],
  ['GET', '/$4/parts-lists/no-uuid'],
  ['GET', '/no-uuid/parts-lists/no-uuid'],
  ['GET', '/$4'],
  ['PATCH', '/$4/parts-lists/$7', { acquiredCount: 13 }],
  ['PATCH', '/$4/parts-lists/$7', { acquiredCount: 14 }],
  ['PATCH', '/$4/parts-lists/$7', { title: 'Walls', acquiredCount: 3 }],
  ['PATCH', '/$4/parts-lists/$7', { acquiredCount: -1, pieceCount: 5 }],
  ['PATCH', '/$4/parts-lists/$7', {}],
  ['PATCH', '/$4/parts-lists/$7', { title: 'X' }, 'other'],
  ['PATCH', '/$5/parts-lists/$7', { title: 'X' }],
  ['PATCH', '/$4/parts-lists/no-uuid', { title: 'X' }],
  ['GET', '/$4/parts-lists/$7'],
  ['DELETE', '/$4/parts-lists/$7', undefined, 'other'],
  ['DELETE', '/$4/parts-lists/$7'],
  ['DELETE', '/$4/parts-lists/$7'],
  ['GET', '/$4'],
  // Files $9 to $11.
  ['POST', '/$5/files', form('a b "Ⅱ".pdf', 'content\n')],
  ['POST', '/$5/files', form('x'.repeat(250), '', { kind: 'other' })],
  ['POST', '/$5/files', form('photo.png', 'x', { kind: 'thumbnail' })],
  ['POST', '/$5/files', form('a.pdf', 'x', { kind: 'video' })],
  ['POST', '/$5/files', form('a.pdf', 'x'.repeat(10 * 1024 * 1024 + 1))],
  ['POST', '/$5/files', formOf({ kind: 'other' })],
  ['POST', '/no-uuid/files', formOf({ kind: 'other' })],
  ['POST', '/$5/files', form('a.pdf', 'x'), 'other'],
  ['GET', '/$5/files'],
  ['GET', '/$4/files'],
  ['GET', `/${NOBODYS}/files`],
  ['GET', '/$5/files/$9', undefined, 'other'],
  ['GET', '/$5/files/$10'],
  ['GET', '/$4/files/$9'],
  ['GET', '/$5/files/no-uuid'],
  ['PATCH', '/$5', { status: 'complete' }],
  ['DELETE', '/$5/files/$9'],
  ['DELETE', '/$5/files/$11', undefined, 'other'],
  ['DELETE', '/$5/files/$11'],
  ['DELETE', '/$5/files/$11'],
  ['PATCH', '/$5', { status: 'draft' }],
  ['DELETE', '/$5/files/$9'],
  ['DELETE', '/$5/files/no-uuid'],
  ['PUT', '/$4', { title: 'X' }],
  ['GET', '/a/b/c'],
  ['DELETE', '/$4', undefined, 'other'],
  ['DELETE', '/$4'],
  ['DELETE', '/$4'],
  ['DELETE', '/no-uuid'],
  ['GET', ''],
]
