import { type Area, cutOff, forwarded, get, HIDDEN, head, post, refused } from '../case.ts'

const CHUNKED = 'Transfer-Encoding: chunked'
const LAST = '0\r\n\r\n'
const GIVEN = forwarded({ method: 'POST', target: '/orders', body: 'abcd' })

const length = (name: string, value: string) => ({
  name: `a Content-Length of ${name}`,
  rule: 'RFC 9112, 6.3: an invalid Content-Length is an unrecoverable error, answered 400',
  send: `${post(`Content-Length: ${value}`)}abcd${HIDDEN}`,
  expect: refused(400),
})

const coding = (name: string, ...lines: string[]) => ({
  name: `Transfer-Encoding ${name}`,
  rule: 'RFC 9112, 6.3: a body whose end cannot be told is answered 400; 6.1: chunked once, and last',
  send: `${post(...lines)}${LAST}${HIDDEN}`,
  expect: refused(400),
  also: [refused(501)],
})

/** Where a body ends: what two readers disagree about is the next request of somebody else. */
export const FRAMING: Area = {
  name: 'where a body ends',
  cases: [
    {
      name: 'Content-Length before Transfer-Encoding (CL.TE)',
      rule: 'RFC 9112, 6.1 and 6.3: both may be an attempt to smuggle and ought to be an error',
      send: `${post('Content-Length: 5', CHUNKED)}${LAST}${HIDDEN}`,
      expect: refused(400),
    },
    {
      name: 'Transfer-Encoding before Content-Length (TE.CL)',
      rule: 'RFC 9112, 6.1 and 6.3: both may be an attempt to smuggle and ought to be an error',
      send: `${post(CHUNKED, 'Content-Length: 4')}2c\r\n${HIDDEN.slice(0, 0x2c)}\r\n${LAST}`,
      expect: refused(400),
    },
    {
      name: 'Content-Length: 0 beside a chunked body (CL.0)',
      rule: 'RFC 9112, 6.1 and 6.3: both may be an attempt to smuggle and ought to be an error',
      send: `${post('Content-Length: 0', CHUNKED)}${LAST}${HIDDEN}`,
      expect: refused(400),
    },
    {
      name: 'two Content-Length that differ',
      rule: 'RFC 9112, 6.3: differing lengths are an unrecoverable error, answered 400',
      send: `${post('Content-Length: 4', 'Content-Length: 5')}abcde${HIDDEN}`,
      expect: refused(400),
    },
    {
      name: 'two Content-Length that agree',
      rule: 'RFC 9110, 8.6: reject it, or make one of them before it goes on',
      send: `${post('Content-Length: 4', 'Content-Length: 4')}abcd`,
      expect: refused(400),
      also: [GIVEN],
    },
    {
      name: 'a list in Content-Length',
      rule: 'RFC 9110, 8.6: reject it, or make one number of it before it goes on',
      send: `${post('Content-Length: 4, 4')}abcd`,
      expect: refused(400),
      also: [GIVEN],
    },
    length('a plus sign', '+4'),
    length('a minus sign', '-4'),
    length('hexadecimal', '0x4'),
    length('two numbers', '4 4'),
    length('a fraction', '4.0'),
    length('an exponent', '4e0'),
    length('nothing', ''),
    length('a number beyond 64 bits', '18446744073709551620'),
    length('a vertical tab', '\v4'),
    {
      name: 'a Content-Length with leading zeros',
      rule: 'RFC 9110, 8.6: 1*DIGIT, in decimal; what goes on must say the same to everybody',
      send: `${post('Content-Length: 0004')}abcd`,
      expect: forwarded({
        method: 'POST',
        target: '/orders',
        body: 'abcd',
        headers: { 'content-length': /^0*4$/ },
      }),
      also: [refused(400)],
    },
    {
      name: 'a Content-Length with whitespace around it',
      rule: 'RFC 9112, 5.1: whitespace around a value is no part of it',
      send: `${post('Content-Length:   4  ')}abcd`,
      expect: GIVEN,
      also: [refused(400)],
    },
    {
      name: 'a GET with a body that is a request',
      rule: 'RFC 9110, 9.3.1: framed like any other; it must not become a request of its own',
      send: `${get('/orders', `Content-Length: ${HIDDEN.length}`)}${HIDDEN}`,
      expect: forwarded({ target: '/orders', body: HIDDEN }),
      also: [forwarded({ target: '/orders', body: '' }), refused(400)],
    },
    coding('of an unknown name', 'Transfer-Encoding: xchunked'),
    coding('identity', 'Transfer-Encoding: identity'),
    coding('in quotes', 'Transfer-Encoding: "chunked"'),
    coding('with a vertical tab', 'Transfer-Encoding: \vchunked'),
    coding('with a vertical tab at its end', 'Transfer-Encoding: chunked\v'),
    coding('of nothing', 'Transfer-Encoding:'),
    coding('chunked, then identity', 'Transfer-Encoding: chunked, identity'),
    coding('chunked, then identity, in two lines', CHUNKED, 'Transfer-Encoding: identity'),
    coding('identity, then chunked, in two lines', 'Transfer-Encoding: identity', CHUNKED),
    coding('chunked twice', 'Transfer-Encoding: chunked, chunked'),
    coding('chunked twice, in two lines', CHUNKED, CHUNKED),
    coding('chunked and gzip', 'Transfer-Encoding: chunked, gzip'),
    {
      name: 'Transfer-Encoding gzip and chunked',
      rule: 'RFC 9112, 6.1: an unknown coding is answered 501; the name must not be lost on the way',
      send: `${post('Transfer-Encoding: gzip, chunked')}${LAST}${HIDDEN}`,
      expect: refused(400, 501),
    },
    {
      name: 'Transfer-Encoding in a request of HTTP/1.0',
      rule: 'RFC 9112, 6.1: its framing is faulty; the connection is closed after it',
      send: `${head('POST /orders HTTP/1.0', CHUNKED, 'Connection: keep-alive')}${LAST}${HIDDEN}`,
      expect: refused(400),
      also: [forwarded({ method: 'POST', target: '/orders', body: '' })],
    },
    {
      name: 'Transfer-Encoding in capitals',
      rule: 'RFC 9110, 5.1 and RFC 9112, 7: names of fields and codings have no case',
      send: `${post('TRANSFER-ENCODING: CHUNKED')}4\r\nabcd\r\n${LAST}`,
      expect: GIVEN,
      also: [refused(400)],
    },
    {
      name: 'Transfer-Encoding spelled with an underscore beside Content-Length',
      rule: 'RFC 9110, 5.1: another name; as CGI reads it, the same (RFC 3875, 4.1.18)',
      send: `${post('Content-Length: 4', 'Transfer_Encoding: chunked')}abcd`,
      expect: forwarded({
        method: 'POST',
        target: '/orders',
        body: 'abcd',
        headers: { 'content-length': '4', 'transfer-encoding': null },
      }),
      also: [refused(400)],
    },
    {
      name: 'Content-Length spelled with an underscore',
      rule: 'RFC 9110, 5.1: another name; as CGI reads it, the same (RFC 3875, 4.1.18)',
      send: post('Content-Length: 0', 'Content_Length: 44'),
      expect: forwarded({ method: 'POST', target: '/orders', body: '' }),
      also: [refused(400)],
    },
    {
      name: 'a header beyond those a server keeps, which frames the body',
      rule: 'RFC 9112, 6.3: the length goes by all fields; RFC 6585, 5: too many are answered 431',
      send: `${post(...Array.from({ length: 2_050 }, () => 'a:'), CHUNKED)}4\r\nabcd\r\n${LAST}`,
      expect: refused(431),
      also: [GIVEN],
    },
    {
      name: 'a body that ends before its Content-Length',
      rule: 'RFC 9112, 8: a request that is not whole must not be taken for one',
      send: [`${post('Content-Length: 9')}abcd`, { wait: 'upstream has begun' }, { leave: true }],
      expect: cutOff,
    },
  ],
}
