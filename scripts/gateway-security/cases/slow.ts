import { type Area, answered, cutOff, get, head, post, refused } from '../case.ts'

const SLOW = 'RFC 9110, 15.5.9 and RFC 9112, 9.5: who takes too long is answered 408, or left'

/** Clients, and upstreams, that hold on to what others need. */
export const SLOW_ONES: Area = {
  name: 'who takes too long',
  cases: [
    {
      name: 'a head that does not end',
      rule: SLOW,
      send: 'GET /a HTTP/1.1\r\nHost: shop.example\r\nX-A: ',
      impatient: true,
      expect: refused(0, 408),
    },
    {
      name: 'a connection without a word',
      rule: SLOW,
      send: [],
      impatient: true,
      expect: refused(0, 408),
    },
    {
      name: 'a body that does not come',
      rule: SLOW,
      send: post('Content-Length: 100'),
      impatient: true,
      expect: cutOff,
    },
    {
      name: 'a chunked body that stops',
      rule: SLOW,
      send: `${post('Transfer-Encoding: chunked')}4\r\nabcd\r\n`,
      impatient: true,
      expect: cutOff,
    },
    {
      name: 'a chunk size that stops',
      rule: SLOW,
      send: `${post('Transfer-Encoding: chunked')}4`,
      impatient: true,
      expect: cutOff,
    },
    {
      name: 'a body that stops, at the moved route',
      rule: SLOW,
      send: `${head('POST /api/things HTTP/1.1', 'Authorization: Bearer {token}', 'Content-Length: 100')}abcd`,
      impatient: true,
      expect: cutOff,
    },
    {
      name: 'a body that was to be continued and is not',
      rule: SLOW,
      send: post('Expect: 100-continue', 'Content-Length: 100'),
      impatient: true,
      expect: cutOff,
    },
    {
      name: 'an upstream that does not answer',
      rule: 'RFC 9110, 15.6.5: answered 504',
      send: get('/a'),
      reply: { bytes: '' },
      impatient: true,
      expect: answered(504),
    },
  ],
}
