import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ReadAnswer, readByNode, readByUs } from '../testing/read-answer.ts'

const SEED = Number(process.env.BANYAN_SEED ?? Date.now() % 1_000_000)

interface Case {
  readonly what: string
  readonly bytes: string
  readonly method?: string
  readonly gives: Partial<ReadAnswer>
}

const OK = 'HTTP/1.1 200 OK\r\n'
const whole = (body = ''): Partial<ReadAnswer> => ({ body, whole: true, refused: null })
const refused = (reason: RegExp): Partial<ReadAnswer> => ({
  whole: false,
  refused: expect.stringMatching(reason),
})
const cut: Partial<ReadAnswer> = { whole: false, refused: null }

const CASES: readonly Case[] = [
  { what: 'a length', bytes: `${OK}Content-Length: 2\r\n\r\nhi`, gives: whole('hi') },
  { what: 'a length of 0', bytes: `${OK}content-length: 0\r\n\r\n`, gives: whole() },
  { what: 'no reason', bytes: 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', gives: whole() },
  { what: 'an empty reason', bytes: 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', gives: whole() },
  {
    what: 'blanks around values, and none',
    bytes: `${OK}A:\t x y \t\r\nB:\r\nContent-Length:0\r\n\r\n`,
    gives: { ...whole(), fields: ['A', 'x y', 'B', '', 'Content-Length', '0'] },
  },
  {
    what: 'a value of high octets, with one that JavaScript takes for a blank',
    bytes: `${OK}A: \xe9\xa0\r\nContent-Length: 0\r\n\r\n`,
    gives: { ...whole(), fields: ['A', '\xe9\xa0', 'Content-Length', '0'] },
  },
  { what: 'a body to the end', bytes: `${OK}\r\nall of it`, gives: whole('all of it') },
  { what: 'HTTP/1.0', bytes: 'HTTP/1.0 200 OK\r\n\r\nall', gives: whole('all') },
  {
    what: 'chunks, extensions and trailers',
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\nT: 1\r\nU: 2\r\n\r\n`,
    gives: { ...whole('abc0123456789'), trailers: ['T', '1', 'U', '2'] },
  },
  { what: 'no chunk', bytes: `${OK}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n`, gives: whole() },
  {
    what: 'answers on the way',
    bytes: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
    gives: { ...whole('x'), status: 200 },
  },
  {
    what: 'the head of a HEAD',
    bytes: `${OK}Content-Length: 9\r\n\r\n`,
    method: 'HEAD',
    gives: { ...whole(), fields: ['Content-Length', '9'] },
  },
  { what: '304', bytes: 'HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n', gives: whole() },
  { what: '204', bytes: 'HTTP/1.1 204 x\r\n\r\n', gives: whole() },
  // What follows is nobody's answer.
  {
    what: 'more than the length',
    bytes: `${OK}Content-Length: 2\r\n\r\nhi${OK}`,
    gives: { body: 'hi', whole: true, refused: 'more' },
  },
  {
    what: 'a body behind 204',
    bytes: 'HTTP/1.1 204 x\r\nContent-Length: 2\r\n\r\nhi',
    gives: { body: '', whole: true, refused: 'more' },
  },
  {
    what: 'a body behind HEAD',
    bytes: `${OK}Content-Length: 2\r\n\r\nhi`,
    method: 'HEAD',
    gives: { body: '', whole: true, refused: 'more' },
  },
  // Broken off.
  { what: 'nothing', bytes: '', gives: cut },
  { what: 'half a head', bytes: 'HTTP/1.1 200 O', gives: cut },
  { what: 'half a body', bytes: `${OK}Content-Length: 2\r\n\r\nh`, gives: { ...cut, body: 'h' } },
  { what: 'half a chunk', bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nab`, gives: cut },
  { what: 'no last chunk', bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`, gives: cut },
  {
    what: 'half of trailers',
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nT: 1\r\n`,
    gives: cut,
  },
  // Two readings.
  ...['Content-Length: 1\t', 'Content-Length:\t1', 'Transfer-Encoding: chunked\t'].map((line) => ({
    what: `a tab in ${JSON.stringify(line)}`,
    bytes: `${OK}${line}\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    gives: refused(/tab/),
  })),
  {
    what: 'two lengths',
    bytes: `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`,
    gives: refused(/more than one/),
  },
  {
    what: 'the same length twice',
    bytes: `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    gives: refused(/more than one/),
  },
  {
    what: 'a list of lengths',
    bytes: `${OK}Content-Length: 1, 1\r\n\r\nx`,
    gives: refused(/is none/),
  },
  { what: 'a signed length', bytes: `${OK}Content-Length: +1\r\n\r\nx`, gives: refused(/is none/) },
  { what: 'an empty length', bytes: `${OK}Content-Length:\r\n\r\nx`, gives: refused(/is none/) },
  {
    what: 'a length beyond numbers',
    bytes: `${OK}Content-Length: ${'9'.repeat(17)}\r\n\r\nx`,
    gives: refused(/is none/),
  },
  {
    what: 'a length beside chunks',
    bytes: `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    gives: refused(/both/),
  },
  {
    what: 'another coding',
    bytes: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    gives: refused(/not known/),
  },
  {
    what: 'chunked twice',
    bytes: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    gives: refused(/not known/),
  },
  {
    what: 'chunks of HTTP/1.0',
    bytes: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    gives: refused(/HTTP\/1\.0/),
  },
  { what: 'a space before the colon', bytes: `${OK}A : 1\r\n\r\n`, gives: refused(/field/) },
  { what: 'a folded field', bytes: `${OK}A: 1\r\n b\r\n\r\n`, gives: refused(/field/) },
  { what: 'a folded first field', bytes: `${OK} A: 1\r\n\r\n`, gives: refused(/field/) },
  { what: 'no colon', bytes: `${OK}nothing\r\n\r\n`, gives: refused(/field/) },
  { what: 'no name', bytes: `${OK}: 1\r\n\r\n`, gives: refused(/field/) },
  { what: 'NUL', bytes: `${OK}A: 1\0\r\n\r\n`, gives: refused(/field/) },
  { what: 'a bare CR', bytes: `${OK}A: 1\rB: 2\r\n\r\n`, gives: refused(/./) },
  { what: 'a bare LF', bytes: `${OK}A: 1\nB: 2\r\n\r\n`, gives: refused(/./) },
  {
    what: 'lines that end with LF',
    bytes: 'HTTP/1.1 200 OK\nA: 1\n\n',
    gives: refused(/no answer/),
  },
  { what: 'no HTTP', bytes: 'SSH-2.0-x\r\n', gives: refused(/no answer/) },
  { what: 'HTTP/2 by name', bytes: 'HTTP/2.0 200 OK\r\n\r\n', gives: refused(/no answer/) },
  { what: 'an empty line before', bytes: `\r\n${OK}\r\n`, gives: refused(/no answer/) },
  { what: 'four digits', bytes: 'HTTP/1.1 2000 OK\r\n\r\n', gives: refused(/no answer/) },
  { what: 'two spaces', bytes: 'HTTP/1.1  200 OK\r\n\r\n', gives: refused(/no answer/) },
  ...['Connection: close', 'Content-Length: 0', 'Transfer-Encoding: chunked'].map((line) => ({
    what: `an answer on the way that says ${line}`,
    bytes: `HTTP/1.1 103 x\r\n${line}\r\n\r\n${OK}\r\n`,
    gives: refused(/on the way/),
  })),
  {
    what: 'an answer on the way in HTTP/1.0',
    bytes: `HTTP/1.0 103 x\r\n\r\n${OK}\r\n`,
    gives: refused(/on the way/),
  },
  {
    what: 'another protocol',
    bytes: 'HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n',
    gives: refused(/switches/),
  },
  {
    what: 'a chunk longer than it says',
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
    gives: refused(/longer/),
  },
  ...['', ' 1', '1 ', '0x1', '-1', 'g', '1\t;a', '1\n', ';a', '1'.repeat(14)].map((line) => ({
    what: `a chunk of ${JSON.stringify(line)}`,
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n${line}\r\na\r\n0\r\n\r\n`,
    gives: refused(/how long/),
  })),
  {
    what: 'trailers that are none',
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nT\r\n\r\n`,
    gives: refused(/field/),
  },
  // Bounds.
  {
    what: 'a head of 16 KiB',
    bytes: `${OK}A: ${'x'.repeat(16 * 1024 - OK.length - 22)}\r\nContent-Length: 0\r\n\r\n`,
    gives: whole(),
  },
  {
    what: 'a head beyond',
    bytes: `${OK}A: ${'x'.repeat(17_000)}\r\n\r\n`,
    gives: refused(/16384/),
  },
  { what: 'a head without end', bytes: `${OK}A: ${'x'.repeat(20_000)}`, gives: refused(/16384/) },
  {
    what: 'an extension without end',
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}`,
    gives: refused(/16384/),
  },
  {
    what: 'trailers without end',
    bytes: `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nT: ${'x'.repeat(20_000)}`,
    gives: refused(/16384/),
  },
]

describe('an answer with', () => {
  for (const { what, bytes, method = 'GET', gives } of CASES) {
    it(`${what} is read the same however it comes`, () => {
      const all = Buffer.from(bytes, 'latin1')
      const read = readByUs([all], method)
      expect(read).toMatchObject(gives)
      // Of the long ones each cut would take long, and says no more.
      const step = Math.max(1, Math.floor(all.length / 400))
      for (let at = 1; at < all.length; at += step) {
        const pieces = [all.subarray(0, at), all.subarray(at)]
        expect(readByUs(pieces, method), `cut at ${at}`).toMatchObject(gives)
      }
      const single = Array.from(all, (_, i) => all.subarray(i, i + 1))
      expect(readByUs(single, method)).toMatchObject(gives)
    })
  }
})

const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const field = oneOf(
  ...['Content-Length: 3', 'Content-Length: 0', 'content-length: 12', 'Content-Length: 3, 3'],
  ...[
    'Transfer-Encoding: chunked',
    'transfer-encoding: CHUNKED',
    'Transfer-Encoding: gzip, chunked',
  ],
  ...[
    'Connection: close',
    'Connection: keep-alive',
    'Connection: close, X-A',
    'Keep-Alive: timeout=5',
  ],
  ...['X-A: b', 'X-A:', 'X-A : b', 'X-A: \xe9', ' folded', 'Set-Cookie: a=b; c', 'Upgrade: x'],
)
const chunk = fc
  .tuple(oneOf('', ';a=b', ';a="b"', ' ', ';'), fc.string({ maxLength: 20 }))
  .map(([extension, text]) => {
    const bytes = Buffer.from(text).toString('latin1')
    return `${bytes.length.toString(16)}${extension}\r\n${bytes}\r\n`
  })
const body = fc.oneof(
  oneOf('', 'abc', 'abcdefghijkl', 'abcd', '\r\n\r\n', '0\r\n\r\n'),
  fc
    .tuple(
      fc.array(chunk, { maxLength: 4 }),
      oneOf('', 'T: 1\r\n', 'T : 1\r\n', 'T: 1\r\nU: 2\r\n'),
    )
    .map(([chunks, trailers]) => `${chunks.join('')}0\r\n${trailers}\r\n`),
)
const start = oneOf(
  ...[OK, OK, OK, 'HTTP/1.1 404 Not Found\r\n', 'HTTP/1.0 200 OK\r\n', 'HTTP/1.1 204 x\r\n'],
  ...['HTTP/1.1 304 x\r\n', 'HTTP/1.1 500\r\n', `HTTP/1.1 103 x\r\nLink: a\r\n\r\n${OK}`],
)
const NASTY = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '0',
  '9',
  'f',
  '\x7f',
  '\x80',
  '\xa0',
]
const spoilt = fc
  .tuple(
    ...[start, fc.array(field, { maxLength: 4 }), body],
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 }), oneOf(...NASTY)), { maxLength: 2 }),
  )
  .map(([line, fields, rest, changes]) => {
    let text = `${line}${fields.map((one) => `${one}\r\n`).join('')}\r\n${rest}`
    for (const [where, removed, put] of changes as [number, number, string][]) {
      const at = where % (text.length + 1)
      text = text.slice(0, at) + put + text.slice(at + removed)
    }
    return Buffer.from(text, 'latin1')
  })
const method = oneOf('GET', 'GET', 'POST', 'HEAD')

it('reads what it takes as llhttp does, and takes nothing that llhttp refuses', () => {
  console.log(`seed ${SEED}: BANYAN_SEED=${SEED} makes the same answers`)
  let taken = 0
  fc.assert(
    fc.property(spoilt, method, (bytes, asked) => {
      const ours = readByUs([bytes], asked)
      if (!ours.whole) return
      taken++
      const { refused: _, ...read } = ours
      expect(readByNode(bytes, asked)).toEqual({ ...read, refused: null })
    }),
    { seed: SEED, numRuns: 20_000 },
  )
  expect(taken).toBeGreaterThan(2_000)
})

it('reads the same whatever the pieces that an answer comes in', () => {
  fc.assert(
    fc.property(spoilt, method, fc.array(fc.nat(), { maxLength: 6 }), (bytes, asked, places) => {
      const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort(
        (a, b) => a - b,
      )
      const pieces = [...cuts, bytes.length].map((end, i) => bytes.subarray(cuts[i - 1] ?? 0, end))
      const [one, several] = [readByUs([bytes], asked), readByUs(pieces, asked)]
      expect(several).toMatchObject({ status: one.status, whole: one.whole })
      expect(several.refused === null).toBe(one.refused === null)
      if (one.refused === null) expect(several).toEqual(one)
    }),
    { seed: SEED, numRuns: 5_000 },
  )
})
