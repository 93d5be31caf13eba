import { PassThrough } from 'node:stream'
import type pg from 'pg'
import { expect, it } from 'vitest'
import { tapCopyData } from './copy-tap.ts'
import { randomFrom, seed } from './testing/pair.ts'

function message(code: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.write(code, 'latin1')
  header.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([header, body])
}

it('takes every CopyData message out, however the bytes come in, and leaves pg all others', () => {
  const random = randomFrom(seed('copy tap'))
  for (let round = 0; round < 100; round++) {
    const stream = new PassThrough()
    const left: Buffer[] = []
    stream.on('data', (chunk: Buffer) => left.push(Buffer.from(chunk)))
    const taken: string[] = []
    const client = { connection: { stream } } as unknown as pg.ClientBase
    const untap = tapCopyData(client, (buffer, start, end) => {
      taken.push(buffer.toString('latin1', start, end))
    })
    const sent = Array.from({ length: 1 + Math.floor(random() * 30) }, () => ({
      code: random() < 0.8 ? 'd' : 'N',
      body: Buffer.alloc(Math.floor(random() ** 3 * 400), 97 + Math.floor(random() * 26)),
    }))
    const bytes = Buffer.concat(sent.map(({ code, body }) => message(code, body)))
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + Math.floor(random() ** 2 * 300)
      // As a socket does: what it has handed out it may use again.
      const chunk = Buffer.from(bytes.subarray(at, at + size))
      stream.emit('data', chunk)
      chunk.fill(0)
      at += size
    }
    untap()
    const data = sent.filter(({ code }) => code === 'd')
    expect(taken).toEqual(data.map(({ body }) => body.toString('latin1')))
    const others = sent.filter(({ code }) => code !== 'd')
    expect(Buffer.concat(left)).toEqual(
      Buffer.concat(others.map(({ code, body }) => message(code, body))),
    )
    stream.emit('data', message('d', Buffer.from('pg sees it again')))
    expect(left.at(-1)!.toString('latin1')).toContain('pg sees it again')
  }
})
