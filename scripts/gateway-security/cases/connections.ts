import {
  type Area,
  answered,
  asAnn,
  cutOff,
  forwarded,
  get,
  HIDDEN,
  head,
  post,
  refused,
} from '../case.ts'

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const TUNNEL =
  'RFC 9110, 7.8: bytes are another protocol’s only after a 101 to a request that asked'

/** What several requests, and other protocols, do to one connection. */
export const CONNECTIONS: Area = {
  name: 'one connection, several requests',
  cases: [
    {
      name: 'two requests at once',
      rule: 'RFC 9112, 9.3.2: answered in their order',
      send: get('/one') + get('/two'),
      answers: 2,
      expect: forwarded({ target: '/one' }, { target: '/two' }),
    },
    {
      name: 'a request in the body of another, by the length',
      rule: 'RFC 9112, 6.3: the body ends where its length says',
      send: `${post(`Content-Length: ${HIDDEN.length}`)}${HIDDEN}${get('/two')}`,
      answers: 2,
      expect: forwarded({ method: 'POST', target: '/orders', body: HIDDEN }, { target: '/two' }),
    },
    {
      name: 'a request behind one that is refused before its body is read',
      rule: 'RFC 9112, 9.3: the rest of the body is read, or the connection ends',
      send: `${head('POST /a%2fb HTTP/1.1', `Content-Length: ${HIDDEN.length}`)}${HIDDEN}`,
      expect: refused(400),
    },
    {
      name: 'a request behind a large body that is refused',
      rule: 'RFC 9112, 9.3: the rest of the body is read, or the connection ends',
      send: `${head('POST /a%2fb HTTP/1.1', 'Content-Length: 300000')}${HIDDEN.repeat(2_000)}`,
      expect: refused(0, 400),
    },
    {
      name: 'an answer before the body, and a request for its rest',
      rule: 'RFC 9112, 9.3 and 9.6: the rest of the body is never the next request',
      send: [`${post(`Content-Length: ${HIDDEN.length + 1}`)}a`, { wait: 'answered' }, HIDDEN],
      reply: { bytes: 'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n', early: true },
      expect: answered(413),
    },
    {
      name: 'an answer before a chunked body, and a request for its rest',
      rule: 'RFC 9112, 9.3 and 9.6: the rest of the body is never the next request',
      send: [
        `${post('Transfer-Encoding: chunked')}1\r\na\r\n`,
        { wait: 'answered' },
        `0\r\n\r\n${HIDDEN}`,
      ],
      reply: { bytes: 'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n', early: true },
      expect: answered(413),
    },
    {
      name: 'Expect: 100-continue',
      rule: 'RFC 9110, 10.1.1: the body is asked for, and goes on as such',
      send: `${post('Expect: 100-continue', 'Content-Length: 4')}abcd`,
      expect: forwarded({ method: 'POST', target: '/orders', body: 'abcd' }),
    },
    {
      name: 'Expect: 100-continue of a request that is refused',
      rule: 'RFC 9110, 10.1.1: a final answer; what follows is no body',
      send: `${head('POST /a%2fb HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 44')}${HIDDEN}`,
      expect: refused(400),
    },
    {
      name: 'an expectation nobody knows',
      rule: 'RFC 9110, 10.1.1: answered 417',
      send: `${post('Expect: 200-ok', 'Content-Length: 4')}abcd`,
      expect: refused(417),
      also: [forwarded({ method: 'POST', target: '/orders', body: 'abcd' })],
    },
    {
      name: 'Expect: 100-continue without a body',
      rule: 'RFC 9110, 10.1.1: no 100 without a body',
      send: get('/a', 'Expect: 100-continue'),
      expect: forwarded({ target: '/a', headers: { expect: null } }),
      also: [forwarded({ target: '/a' }), refused(417)],
    },
    {
      name: 'an upgrade to HTTP/2 (h2c)',
      rule: 'RFC 9113, 3.1: obsolete; passed on, it would open a tunnel past every rule',
      send: get(
        '/a',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAAP__',
      ),
      expect: forwarded({ target: '/a', headers: { upgrade: null, 'http2-settings': null } }),
      also: [refused(400)],
    },
    {
      name: 'an upgrade to h2c and WebSocket at once',
      rule: 'RFC 9113, 3.1: obsolete; passed on, it would open a tunnel past every rule',
      send: get('/a', 'Connection: Upgrade', 'Upgrade: h2c, websocket', KEY),
      expect: forwarded({ target: '/a', headers: { upgrade: null } }),
      also: [refused(400)],
    },
    {
      name: 'an upgrade that Connection does not name',
      rule: 'RFC 9110, 7.8: not asked for then',
      send: get('/a', 'Upgrade: websocket', KEY),
      expect: forwarded({ target: '/a', headers: { upgrade: null } }),
      also: [refused(400)],
    },
    {
      name: 'an upgrade in HTTP/1.0',
      rule: 'RFC 9110, 7.8: ignored in HTTP/1.0',
      send: head('GET /a HTTP/1.0', ...UPGRADE, KEY),
      expect: forwarded({ target: '/a', headers: { upgrade: null } }),
      also: [refused(400)],
    },
    {
      name: 'an upgrade with a body',
      rule: 'RFC 9112, 9.3: what of it is body, and what the next protocol?',
      send: `${post(...UPGRADE, KEY, `Content-Length: ${HIDDEN.length}`)}${HIDDEN}`,
      expect: refused(400),
      also: [forwarded({ method: 'POST', target: '/orders', body: HIDDEN })],
    },
    {
      name: 'a WebSocket by POST',
      rule: 'RFC 6455, 4.1: the method is GET',
      send: post(...UPGRADE, KEY, 'Content-Length: 0'),
      expect: refused(400),
      also: [forwarded({ method: 'POST', target: '/orders', body: '' })],
    },
    {
      name: 'a request behind a WebSocket’s that the upstream refuses',
      rule: TUNNEL,
      send: `${get('/a', ...UPGRADE, KEY)}${get('/hidden', 'X-User-Id: admin')}`,
      reply: { bytes: 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n' },
      expect: forwarded({ target: '/a' }),
      also: [forwarded({ target: '/a' }, { target: '/hidden' })],
      answers: 1,
    },
    {
      name: 'a request behind a WebSocket’s that the upstream answers 200',
      rule: TUNNEL,
      send: `${get('/a', ...UPGRADE, KEY)}${get('/hidden', 'X-User-Id: admin')}`,
      expect: forwarded({ target: '/a' }),
      also: [forwarded({ target: '/a' }, { target: '/hidden' })],
    },
    {
      name: 'a WebSocket’s request behind one that is not answered yet',
      rule: 'RFC 9112, 9.3.2: answers in their order; nothing a client sends may end the gateway',
      send: [get('/one'), { wait: 'upstream has the head' }, get('/two', ...UPGRADE, KEY)],
      reply: { bytes: '' },
      impatient: true,
      expect: forwarded({ target: '/one' }),
    },
    {
      name: 'a 101 that nobody asked for',
      rule: 'RFC 9110, 15.2.2: only to a request that asked; another is a bad answer',
      send: get('/a'),
      reply: { bytes: SWITCH },
      expect: answered(502),
    },
    {
      name: 'a WebSocket that both sides want',
      rule: 'RFC 6455, 4.2.2: joined after the 101',
      send: get('/a', ...UPGRADE, KEY),
      reply: { bytes: SWITCH },
      expect: answered(101),
    },
    {
      name: 'a WebSocket at the moved route, with what follows on its heels',
      rule: TUNNEL,
      send: `${asAnn('/api/things', ...UPGRADE, KEY)}${HIDDEN}`,
      reply: { bytes: SWITCH },
      expect: answered(101),
    },
    {
      name: 'a client that leaves in the middle of a body, at the moved route',
      rule: 'RFC 9112, 8: a request that is not whole must not be taken for one',
      send: [
        `${head('POST /api/things HTTP/1.1', 'Authorization: Bearer {token}', 'Content-Length: 9')}abcd`,
        { leave: true },
      ],
      expect: cutOff,
    },
    {
      name: 'a client that leaves in the middle of a large body, at the moved route',
      rule: 'RFC 9112, 8: a request that is not whole must not be taken for one',
      send: [
        `${head('POST /api/things HTTP/1.1', 'Authorization: Bearer {token}', 'Content-Length: 9000000')}abcd`,
        { wait: 'upstream has begun' },
        { leave: true },
      ],
      expect: cutOff,
    },
    {
      name: 'a client that leaves in the middle of a head',
      rule: 'RFC 9112, 8: a request that is not whole must not be taken for one',
      send: ['GET /a HTTP/1.1\r\nHost: shop.exam', { leave: true }],
      expect: cutOff,
    },
  ],
}
