import { type Area, type Case, cutOff, forwarded, HIDDEN, post, refused } from '../case.ts'

const HEAD = post('Transfer-Encoding: chunked')
const LAST = '0\r\n\r\n'
const GIVEN = forwarded({ method: 'POST', target: '/orders', body: 'abcd' })

const bad = (name: string, chunks: string): Case => ({
  name,
  rule: 'RFC 9112, 7.1: what the grammar does not allow has no length that two readers agree on',
  send: `${HEAD}${chunks}${HIDDEN}`,
  expect: cutOff,
})

/** A body in pieces, each with its size before it. */
export const CHUNKS: Area = {
  name: 'bodies in chunks',
  cases: [
    bad('a chunk size with 0x before it', `0x4\r\nabcd\r\n${LAST}`),
    bad('a chunk size with a plus sign', `+4\r\nabcd\r\n${LAST}`),
    bad('a chunk size with a minus sign', `-4\r\nabcd\r\n${LAST}`),
    bad('a chunk size with a space before it', ` 4\r\nabcd\r\n${LAST}`),
    bad('a chunk size with an underscore', `0_4\r\nabcd\r\n${LAST}`),
    bad('no chunk size at all', `\r\nabcd\r\n${LAST}`),
    bad('a chunk size of no digits, with an extension', `;a=b\r\nabcd\r\n${LAST}`),
    bad('a chunk size beyond 64 bits', `10000000000000004\r\nabcd\r\n${LAST}`),
    bad('a chunk size of a thousand digits', `${'f'.repeat(1000)}\r\nabcd\r\n${LAST}`),
    bad('a chunk that is longer than its size', `4\r\nabcdefgh\r\n${LAST}`),
    bad('a chunk without CRLF after it', `4\r\nabcd${LAST}`),
    bad('a chunk with two other octets for CRLF', `4\r\nabcdXX${LAST}`),
    bad('a chunk size that ends in a bare LF', `4\nabcd\r\n${LAST}`),
    bad('a chunk size that ends in a bare CR', `4\rabcd\r\n${LAST}`),
    bad('a chunk that ends in a bare LF', `4\r\nabcd\n${LAST}`),
    bad('an extension that ends in a bare LF', `4;a\nabcd\r\n${LAST}`),
    bad('an extension with a bare CR in it', `4;a\rb\r\nabcd\r\n${LAST}`),
    bad('a last chunk that ends in bare LF', `4\r\nabcd\r\n0\n\n`),
    {
      name: 'a chunk size with a space after it',
      rule: 'RFC 9112, 7.1.1: whitespace is bad, and only before an extension; to be read or refused',
      send: `${HEAD}4 \r\nabcd\r\n${LAST}`,
      expect: cutOff,
      also: [GIVEN],
    },
    {
      name: 'a chunk size with leading zeros',
      rule: 'RFC 9112, 7.1: 1*HEXDIG',
      send: `${HEAD}0000004\r\nabcd\r\n000\r\n\r\n`,
      expect: GIVEN,
      also: [cutOff],
    },
    {
      name: 'chunk extensions, quoted ones too',
      rule: 'RFC 9112, 7.1.1: unknown ones are ignored',
      send: `${HEAD}4;a=b;c="d;e"\r\nabcd\r\n0;f\r\n\r\n`,
      expect: GIVEN,
      also: [cutOff],
    },
    {
      name: 'chunk extensions without end',
      rule: 'RFC 9112, 7.1.1: a server ought to limit their length',
      send: `${HEAD}4;${'a'.repeat(100_000)}\r\nabcd\r\n${LAST}`,
      expect: cutOff,
    },
    {
      name: 'a chunked body whose chunk is the last one of a request',
      rule: 'RFC 9112, 7.1: data is data, whatever it looks like',
      send: `${HEAD}5\r\n${LAST}\r\n${(HIDDEN.length).toString(16)}\r\n${HIDDEN}\r\n${LAST}`,
      expect: forwarded({ method: 'POST', target: '/orders', body: `${LAST}${HIDDEN}` }),
    },
    {
      name: 'a chunked body in single octets',
      rule: 'RFC 9112, 7.1: its end is where the chunks say, however they arrive',
      send: [`${HEAD}4\r\n`, 'a', { wait: 'upstream has begun' }, ...`bcd\r\n${LAST}`],
      expect: GIVEN,
      also: [cutOff],
    },
    {
      name: 'trailers that name who asks',
      rule: 'RFC 9110, 6.5.1: trailers are not merged into headers, and not those for routing or identity',
      send: `${post('Transfer-Encoding: chunked', 'Trailer: X-User-Id')}4\r\nabcd\r\n0\r\nX-User-Id: admin\r\nX-Banyan-Identity: forged\r\n\r\n`,
      expect: forwarded({
        method: 'POST',
        target: '/orders',
        body: 'abcd',
        headers: { 'x-user-id': null, 'x-banyan-identity': null },
      }),
      also: [cutOff],
    },
    {
      name: 'trailers that frame the body anew',
      rule: 'RFC 9110, 6.5.1: a trailer never frames; to be dropped or refused',
      send: `${HEAD}4\r\nabcd\r\n0\r\nContent-Length: 44\r\nTransfer-Encoding: identity\r\n\r\n`,
      expect: cutOff,
      also: [
        forwarded({
          method: 'POST',
          target: '/orders',
          body: 'abcd',
          headers: { 'content-length': /^4$/ },
        }),
        forwarded({
          method: 'POST',
          target: '/orders',
          body: 'abcd',
          headers: { 'content-length': null },
        }),
      ],
    },
    {
      name: 'a trailer with a bare LF',
      rule: 'RFC 9112, 2.2 and 5.1: no field may hold one',
      send: `${HEAD}4\r\nabcd\r\n0\r\nA: b\nX-User-Id: admin\r\n\r\n`,
      expect: cutOff,
      also: [GIVEN, refused(400)],
    },
    {
      name: 'a chunked body that never ends',
      rule: 'RFC 9112, 8: without the last chunk it is not whole',
      send: [`${HEAD}4\r\nabcd\r\n`, { wait: 'upstream has begun' }, { leave: true }],
      expect: cutOff,
    },
  ],
}
