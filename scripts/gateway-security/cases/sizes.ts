import { type Area, asAnn, type Case, cutOff, forwarded, get, post, refused } from '../case.ts'

const MANY = 'RFC 6585, 5 and RFC 9110, 5.4: fields that are too many or too large are answered 431'
/** Who still sends when the connection ends may not get to read why. */
const bomb = (name: string, send: string): Case => ({
  name,
  rule: MANY,
  send,
  expect: send.length < 16_384 ? refused(431) : refused(0, 431),
})

/** Requests that cost their sender little and a server much. */
export const SIZES: Area = {
  name: 'sizes',
  cases: [
    bomb('a field of a mebibyte', get('/a', `X-A: ${'a'.repeat(1024 * 1024)}`)),
    bomb('a name of 64 KiB', get('/a', `X-${'a'.repeat(64 * 1024)}: b`)),
    bomb(
      'ten thousand fields',
      get('/a', ...Array.from({ length: 10_000 }, (_, i) => `X-${i}: b`)),
    ),
    bomb(
      'a thousand fields within the size',
      get('/a', ...Array.from({ length: 1_000 }, (_, i) => `X-${i}: b`)),
    ),
    bomb(
      'a thousand cookies',
      get('/a', ...Array.from({ length: 1_000 }, (_, i) => `Cookie: c${i}=1`)),
    ),
    bomb(
      'a thousand names in Connection',
      get('/a', ...Array.from({ length: 1_000 }, (_, i) => `Connection: x-${i}`)),
    ),
    {
      name: 'a hundred fields',
      rule: 'RFC 9110, 5.4: as many as users have',
      send: get('/a', ...Array.from({ length: 100 }, (_, i) => `X-${i}: b`)),
      expect: forwarded({ target: '/a', headers: { 'x-99': 'b' } }),
      also: [refused(431)],
    },
    {
      name: 'a target of 8,000 octets',
      rule: 'RFC 9112, 3: recommended that at least as much is taken',
      send: get(`/${'a'.repeat(7_980)}`),
      expect: forwarded({ target: `/${'a'.repeat(7_980)}` }),
      also: [refused(414)],
    },
    {
      name: 'a target of a mebibyte',
      rule: 'RFC 9112, 3: one that is too long is answered 414',
      send: get(`/${'a'.repeat(1024 * 1024)}`),
      expect: refused(0, 414, 431),
    },
    {
      name: 'a method of a mebibyte',
      rule: 'RFC 9112, 3: one that is longer than any is answered 501',
      send: `${'A'.repeat(1024 * 1024)} /a HTTP/1.1\r\n\r\n`,
      expect: refused(0, 400, 431, 501),
    },
    {
      name: 'ten thousand dot segments',
      rule: 'RFC 3986, 5.2.4: removed in time that grows with the length alone',
      send: asAnn(`/api/${'a/../'.repeat(2_000)}things`),
      expect: forwarded({ to: 'service', target: '/v1/things' }),
      also: [refused(400, 414)],
    },
    {
      name: 'a body that is larger than a moved write may be, and never comes',
      rule: 'RFC 9110, 15.5.14; RFC 9112, 8: nothing is taken for whole that is not',
      send: [
        `${post(`Content-Length: ${1024 ** 4}`)}abcd`,
        { wait: 'upstream has begun' },
        { leave: true },
      ],
      expect: cutOff,
    },
    {
      name: 'a trailer section of a mebibyte',
      rule: 'RFC 9110, 5.4: limits are for trailers too',
      send: `${post('Transfer-Encoding: chunked')}0\r\n${'X-A: b\r\n'.repeat(150_000)}\r\n`,
      expect: cutOff,
      also: [forwarded({ method: 'POST', target: '/orders', body: '', headers: { 'x-a': null } })],
    },
  ],
}
