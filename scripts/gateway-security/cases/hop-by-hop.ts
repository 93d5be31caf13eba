import { type Area, asAnn, forwarded, get, HIDDEN, post, refused } from '../case.ts'

const RULE = 'RFC 9110, 7.6.1: Connection names what is for this hop, never what is for everybody'

/** Fields for one connection, and what a client may do to others by naming them so. */
export const HOP_BY_HOP: Area = {
  name: 'hop-by-hop fields',
  cases: [
    {
      name: 'Connection names Authorization',
      rule: RULE,
      send: get('/a', 'Connection: close, Authorization', 'Authorization: Bearer x'),
      expect: forwarded({ target: '/a', headers: { authorization: 'Bearer x' } }),
      also: [refused(400)],
    },
    {
      name: 'Connection names the identity that the gateway adds',
      rule: RULE,
      send: asAnn('/api/things', 'Connection: X-User-Id, X-Banyan-Identity'),
      expect: forwarded({
        to: 'service',
        target: '/v1/things',
        headers: { 'x-user-id': 'ann', 'x-banyan-identity': /./ },
      }),
      also: [forwarded({ to: 'service', target: '/v1/things' })],
    },
    {
      name: 'Connection names Cookie',
      rule: RULE,
      send: get('/a', 'Connection: close, Cookie', 'Cookie: session=1'),
      expect: forwarded({ target: '/a', headers: { cookie: 'session=1' } }),
      also: [refused(400)],
    },
    {
      name: 'Connection names Host',
      rule: RULE,
      send: get('/a', 'Connection: close, Host'),
      expect: forwarded({ target: '/a', headers: { host: 'shop.example' } }),
      also: [refused(400), forwarded({ target: '/a', headers: { host: /^127\.0\.0\.1/ } })],
    },
    {
      name: 'Connection names Content-Length',
      rule: 'RFC 9110, 7.6.1; RFC 9112, 6.3: the framing of what goes on is its own',
      send: `${post('Connection: Content-Length', `Content-Length: ${HIDDEN.length}`)}${HIDDEN}`,
      expect: forwarded({ method: 'POST', target: '/orders', body: HIDDEN }),
      also: [refused(400)],
    },
    {
      name: 'Connection names Transfer-Encoding',
      rule: 'RFC 9110, 7.6.1; RFC 9112, 6.3: the framing of what goes on is its own',
      send: `${post('Connection: Transfer-Encoding', 'Transfer-Encoding: chunked')}4\r\nabcd\r\n0\r\n\r\n`,
      expect: forwarded({ method: 'POST', target: '/orders', body: 'abcd' }),
      also: [refused(400)],
    },
    {
      name: 'Connection names X-Forwarded-For',
      rule: RULE,
      send: get('/a', 'Connection: X-Forwarded-For', 'X-Forwarded-For: 1.2.3.4'),
      expect: forwarded({ target: '/a', headers: { 'x-forwarded-for': /127\.0\.0\.1$/ } }),
    },
    {
      name: 'Connection in two lines, one of which names a field',
      rule: 'RFC 9110, 5.3 and 7.6.1: lines of one name are one list',
      send: get('/a', 'Connection: keep-alive', 'Connection: X-Hop', 'X-Hop: 1'),
      expect: forwarded({ target: '/a', headers: { 'x-hop': null } }),
      also: [refused(400)],
    },
    {
      name: 'fields of the connection itself',
      rule: 'RFC 9110, 7.6.1: they end at the gateway, named or not',
      send: get(
        '/a',
        'Keep-Alive: timeout=9',
        'TE: trailers',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic YTpi',
      ),
      expect: forwarded({
        target: '/a',
        headers: {
          'keep-alive': null,
          te: null,
          'proxy-connection': null,
          'proxy-authorization': null,
        },
      }),
    },
  ],
}
