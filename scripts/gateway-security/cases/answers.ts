import { type Area, answerCutOff, answered, type Case, forwarded, get, head } from '../case.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const EVIL = `${OK}Content-Length: 4\r\n\r\nevil`
const FRAMED = 'RFC 9112, 6.3: an answer whose end cannot be told is a 502'
const SPLIT = 'RFC 9112, 11.1: what an answer says must not become two answers'
const QUEUE = 'RFC 9112, 6.3 and 9.2: what comes after an answer belongs to no request'

const bad = (name: string, bytes: string, rule = FRAMED): Case => ({
  name,
  rule,
  send: get('/a'),
  reply: { bytes, close: true },
  expect: answered(502),
})
const whole = (name: string, bytes: string, body: string, more: Partial<Case> = {}): Case => ({
  name,
  rule: QUEUE,
  send: get('/a'),
  reply: { bytes },
  expect: answered(200, { body }),
  also: [answered(502)],
  ...more,
})

/** Upstreams that answer badly, or have been made to: nobody may get another’s answer. */
export const ANSWERS: Area = {
  name: 'answers of upstreams',
  cases: [
    bad(
      'two Content-Length that differ',
      `${OK}Content-Length: 2\r\nContent-Length: 40\r\n\r\nok${EVIL}`,
    ),
    bad('a Content-Length with a plus sign', `${OK}Content-Length: +2\r\n\r\nok`),
    bad('a Content-Length below nothing', `${OK}Content-Length: -1\r\n\r\nok`),
    {
      ...bad(
        'Content-Length beside chunks',
        `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
      ),
      also: [answered(200, { body: 'ok' })],
    },
    bad(
      'chunks under an unknown coding',
      `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    ),
    bad(
      'chunks that were chunked again',
      `${OK}Transfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    ),
    bad('no status line', 'ok', 'RFC 9112, 4; HTTP/0.9 is nobody’s any more'),
    bad(
      'a status that is no number',
      'HTTP/1.1 2oo OK\r\nContent-Length: 0\r\n\r\n',
      'RFC 9112, 4',
    ),
    bad('a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', 'RFC 9112, 4'),
    bad('a NUL in a value', `${OK}X-A: b\0c\r\nContent-Length: 0\r\n\r\n`, 'RFC 9110, 5.5'),
    {
      ...bad(
        'a bare CR in a value',
        `${OK}X-A: b\rSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n`,
        SPLIT,
      ),
      also: [answered(200, { headers: { 'set-cookie': null } })],
    },
    {
      ...bad('a bare LF in a value', `${OK}X-A: b\nContent-Length: 0\r\n\r\n${EVIL}`, SPLIT),
      also: [answered(200, { body: '' })],
    },
    {
      ...bad(
        'a folded field',
        `${OK}X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`,
        'RFC 9112, 5.2: a 502, or a space',
      ),
      also: [answered(200, { body: '' })],
    },
    bad('a space before a colon', `${OK}Content-Length : 0\r\n\r\n`, 'RFC 9112, 5.1'),
    bad(
      'a head of a mebibyte',
      `${OK}X-A: ${'a'.repeat(1024 * 1024)}\r\n\r\n`,
      'RFC 9110, 5.4 and 15.6.3',
    ),
    bad('a head that does not end', `${OK}X-A: b\r\n`, 'RFC 9112, 8'),
    bad('nothing at all', '', 'RFC 9110, 15.6.3: no valid answer'),
    {
      ...bad('a chunk size that is none', `${OK}Transfer-Encoding: chunked\r\n\r\nxyz\r\n${EVIL}`),
      expect: answerCutOff,
    },
    {
      ...bad(
        'a body shorter than its Content-Length',
        `${OK}Content-Length: 10\r\n\r\nok`,
        'RFC 9112, 8: not whole, and not to pass for it',
      ),
      expect: answerCutOff,
    },
    {
      ...bad(
        'chunks without a last one',
        `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`,
        'RFC 9112, 8: not whole, and not to pass for it',
      ),
      expect: answerCutOff,
    },
    whole('a second answer behind the first', `${OK}Content-Length: 2\r\n\r\nok${EVIL}`, 'ok'),
    whole(
      'a second answer behind chunks',
      `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${EVIL}`,
      'ok',
    ),
    whole('a body in an answer to HEAD', `${OK}Content-Length: ${EVIL.length}\r\n\r\n${EVIL}`, '', {
      rule: 'RFC 9110, 9.3.2: none; what comes is nobody’s answer',
      send: head('HEAD /a HTTP/1.1'),
      head: true,
    }),
    whole(
      'a body in a 204',
      `HTTP/1.1 204 No Content\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`,
      '',
      {
        rule: 'RFC 9112, 6.3: none; what comes is nobody’s answer',
        expect: answered(204, { body: '' }),
      },
    ),
    whole(
      'a body in a 304',
      `HTTP/1.1 304 Not Modified\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`,
      '',
      {
        rule: 'RFC 9112, 6.3: none; what comes is nobody’s answer',
        expect: answered(304, { body: '' }),
      },
    ),
    whole(
      'a hundred interim answers first',
      `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)}${OK}Content-Length: 2\r\n\r\nok`,
      'ok',
      {
        rule: 'RFC 9110, 15.2: any number of them, and none is the answer',
      },
    ),
    {
      name: 'fields of the connection, and one that Connection names',
      rule: 'RFC 9110, 7.6.1: they end at the gateway',
      send: get('/a'),
      reply: {
        bytes: `${OK}Connection: X-Internal, keep-alive\r\nX-Internal: 10.0.0.7\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok`,
      },
      expect: answered(200, {
        body: 'ok',
        headers: { 'x-internal': null, 'proxy-authenticate': null },
      }),
    },
    {
      name: 'an escaped CR and LF in a redirect',
      rule: 'RFC 9112, 11.1: never decoded on the way',
      send: get('/a?to=%0d%0aSet-Cookie:%20a=1'),
      reply: {
        bytes:
          'HTTP/1.1 302 Found\r\nLocation: /b%0d%0aSet-Cookie:%20a=1\r\nContent-Length: 0\r\n\r\n',
      },
      expect: answered(302, {
        headers: { location: '/b%0d%0aSet-Cookie:%20a=1', 'set-cookie': null },
      }),
    },
    {
      name: 'an answer that asks for another protocol beside the request',
      rule: 'RFC 9110, 7.8: Upgrade ends at the gateway',
      send: get('/a'),
      reply: {
        bytes: `${OK}Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok`,
      },
      expect: answered(200, { body: 'ok', headers: { upgrade: null } }),
    },
    {
      name: 'a good answer, for comparison',
      rule: 'RFC 9110, 15.3.1',
      send: get('/a'),
      expect: forwarded({ target: '/a' }),
    },
  ],
}
