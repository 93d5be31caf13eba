import { type Area, type Case, forwarded, get, HIDDEN, head, post, refused } from '../case.ts'

const bad = (name: string, rule: string, send: string, ...statuses: number[]): Case => ({
  name,
  rule,
  send,
  expect: refused(...(statuses.length > 0 ? statuses : [400])),
})

const CONTROL =
  'RFC 9110, 5.5: CR, LF and NUL in a value are dangerous; refuse it or make a space of it'
const spaced = [forwarded({ target: '/a', headers: { 'x-a': /^b ?c$/ } })]
const NAME = 'RFC 9110, 5.1: a name is a token; RFC 9112, 5.1'
const LINE = 'RFC 9112, 3: an invalid request line is answered 400'

/** First line and fields. */
export const HEADS: Area = {
  name: 'request line and fields',
  cases: [
    {
      ...bad('a bare CR in a value', CONTROL, get('/a', 'X-A: b\rc')),
      also: spaced,
    },
    {
      ...bad(
        'a bare LF in a value, and a field after it',
        'RFC 9112, 2.2: a reader may take it for an end of line',
        get('/a', 'X-A: b\nX-User-Id: admin'),
      ),
      also: [forwarded({ target: '/a', headers: { 'x-user-id': null, 'x-a': 'b' } })],
    },
    {
      ...bad('a NUL in a value', CONTROL, get('/a', 'X-A: b\0c')),
      also: spaced,
    },
    bad('a NUL in a name', NAME, get('/a', 'X\0A: b')),
    bad('a space in a name', NAME, get('/a', 'X A: b')),
    bad('a high octet in a name', NAME, get('/a', 'X-\xc3\xa9: b')),
    bad('a parenthesis in a name', NAME, get('/a', 'X(A): b')),
    bad('a name of no length', NAME, get('/a', ': b')),
    bad('a line without a colon', NAME, get('/a', 'X-A')),
    bad(
      'a bell in a value',
      'RFC 9110, 5.5: a control is no part of a value',
      get('/a', 'X-A: b\x07c'),
    ),
    bad(
      'a delete in a value',
      'RFC 9110, 5.5: a control is no part of a value',
      get('/a', 'X-A: b\x7fc'),
    ),
    bad(
      'a space before the colon',
      'RFC 9112, 5.1: answered 400',
      `${post('Transfer-Encoding : chunked')}0\r\n\r\n${HIDDEN}`,
    ),
    bad(
      'a tab before the colon',
      'RFC 9112, 5.1: answered 400',
      `${post('Content-Length\t: 4')}abcd`,
    ),
    {
      ...bad(
        'a folded field',
        'RFC 9112, 5.2: refuse it, or make a space of it',
        get('/a', 'X-A: b', ' c'),
      ),
      also: [forwarded({ target: '/a', headers: { 'x-a': /^b +c$/ } })],
    },
    bad(
      'a folded Transfer-Encoding',
      'RFC 9112, 5.2 and 6.1',
      `${post('Transfer-Encoding:', ' chunked')}0\r\n\r\n${HIDDEN}`,
    ),
    bad(
      'a space before the first field',
      'RFC 9112, 2.2: refuse it, or drop such lines',
      `GET /a HTTP/1.1\r\n Host: shop.example\r\nHost: shop.example\r\n\r\n`,
    ),
    {
      ...bad(
        'a request whose lines end in LF',
        'RFC 9112, 2.2: a reader may allow it, what goes on must not have it',
        'GET /a HTTP/1.1\nHost: shop.example\n\n',
      ),
      also: [forwarded({ target: '/a' })],
    },
    bad(
      'a request line that ends in CR alone',
      LINE,
      'GET /a HTTP/1.1\rHost: shop.example\r\n\r\n',
    ),
    bad(
      'a method in lower case',
      'RFC 9110, 9.1: names of methods have a case',
      head('get /a HTTP/1.1'),
      400,
      405,
      501,
    ),
    bad(
      'a method nobody knows',
      'RFC 9110, 9.1: answered 501',
      head('SMUGGLE /a HTTP/1.1'),
      400,
      405,
      501,
    ),
    bad('a method with a colon', LINE, head('GE:T /a HTTP/1.1')),
    bad('no method', LINE, head(' /a HTTP/1.1')),
    bad(
      'TRACE, whose answer would show the client what the gateway adds',
      'RFC 9110, 9.3.8: no credentials go into a TRACE',
      head('TRACE /a HTTP/1.1'),
      405,
    ),
    {
      name: 'CONNECT, which asks for a tunnel',
      rule: 'RFC 9110, 9.3.6: for proxies that the client chose; nothing else may become one',
      send: `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n`,
      expect: refused(0, 400, 405),
    },
    {
      name: 'two spaces in the request line',
      rule: 'RFC 9112, 3: a reader may part it at any whitespace; what goes on has one space',
      send: head('GET  /a HTTP/1.1'),
      expect: forwarded({ target: '/a' }),
      also: [refused(400)],
    },
    bad('a tab in the request line', LINE, head('GET\t/a HTTP/1.1')),
    bad('a second version after the first', LINE, head('GET /a HTTP/1.1 HTTP/1.1')),
    bad('HTTP/0.9, which has no fields', 'RFC 9110, 2.5 and 15.6.6', 'GET /a\r\n\r\n', 400, 505),
    bad(
      'HTTP/0.9 by name',
      'RFC 9110, 15.6.6: a major version not spoken is answered 505',
      head('GET /a HTTP/0.9'),
      400,
      505,
    ),
    bad(
      'HTTP/2.0 by name',
      'RFC 9110, 15.6.6: a major version not spoken is answered 505',
      head('GET /a HTTP/2.0'),
      400,
      505,
    ),
    bad(
      'HTTP/1.10, as text or as number',
      'RFC 9112, 2.3: one digit and one digit',
      head('GET /a HTTP/1.10'),
      400,
      505,
    ),
    bad('a version in lower case', 'RFC 9112, 2.3: the name has a case', head('GET /a http/1.1')),
    bad(
      'the preface of HTTP/2',
      'RFC 9113, 3.4: only a server that speaks it answers it',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
      0,
      400,
      405,
      505,
    ),
    {
      name: 'an empty line before the request',
      rule: 'RFC 9112, 2.2: a server should overlook one',
      send: `\r\n${get('/a')}`,
      expect: forwarded({ target: '/a' }),
      also: [refused(400)],
    },
    bad(
      'the first octets of TLS',
      LINE,
      '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n',
      0,
      400,
    ),
    {
      name: 'HTTP/1.0 without Host',
      rule: 'RFC 9112, 3.2: only HTTP/1.1 must name one',
      send: 'GET /a HTTP/1.0\r\n\r\n',
      expect: forwarded({ target: '/a' }),
      also: [refused(400)],
    },
  ],
}
