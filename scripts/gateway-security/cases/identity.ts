import { type Area, asAnn, type Case, forwarded, get, head, refused } from '../case.ts'

const NOBODY = {
  'x-user-id': null,
  'x-user-email': null,
  'x-user-roles': null,
  'x-banyan-identity': null,
}
const ANN = { 'x-user-id': 'ann', 'x-banyan-identity': /^[^f]/ }
const RULE =
  'RFC 9110, 17 and RFC 3875, 4.1.18: what passes for the gateway’s word comes from it alone'
const FORWARDED = 'RFC 7239, 8.1: what a client writes there is its own words'

const spelled = (name: string): Case => ({
  name: `an identity as ${name}`,
  rule: RULE,
  send: get('/a', `${name}: admin`),
  expect: forwarded({ target: '/a', headers: NOBODY }),
  also: [refused(400)],
})
const unforged = (name: string, ...lines: string[]): Case => ({
  name,
  rule: FORWARDED,
  send: get('/a', ...lines),
  expect: forwarded({ target: '/a', headers: { 'x-forwarded-for': /(^|, )127\.0\.0\.1$/ } }),
})

/** Fields by which upstreams know who asks, and from where. */
export const IDENTITY: Area = {
  name: 'who asks, and from where',
  cases: [
    ...['X-User-Id', 'x-user-id', 'X_User_Id', 'X-User_Id', 'X.User.Id', 'X-USER-ROLES'].map(
      spelled,
    ),
    spelled('X_USER_EMAIL'),
    spelled('X-Banyan-Identity'),
    spelled('x_banyan_identity'),
    {
      name: 'an identity beside a good token',
      rule: RULE,
      send: asAnn(
        '/api/things',
        'X-User-Id: admin',
        'X_User_Id: admin',
        'X-Banyan-Identity: forged',
      ),
      expect: forwarded({ to: 'service', target: '/v1/things', headers: ANN }),
      also: [forwarded({ to: 'service', target: '/v1/things', headers: NOBODY }), refused(400)],
    },
    {
      name: 'an identity in a WebSocket’s request',
      rule: RULE,
      send: get(
        '/a',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'X-User-Id: admin',
        'X_User_Id: admin',
      ),
      expect: forwarded({ target: '/a', headers: NOBODY }),
      also: [refused(400)],
    },
    {
      name: 'an identity without a token, at a moved route',
      rule: RULE,
      send: get('/api/things', 'X-User-Id: admin'),
      expect: forwarded({ to: 'monolith', target: '/api/things', headers: NOBODY }),
      also: [forwarded({ to: 'service', target: '/v1/things', headers: NOBODY }), refused(401)],
    },
    {
      name: 'two tokens',
      rule: 'RFC 9110, 5.3 and 11.6.2: Authorization is no list; readers differ in which one they take',
      send: asAnn('/api/things', 'Authorization: Bearer forged'),
      expect: refused(400),
    },
    {
      name: 'two tokens at a route that did not move',
      rule: 'RFC 9110, 5.3 and 11.6.2: Authorization is no list; readers differ in which one they take',
      send: get('/a', 'Authorization: Bearer a', 'authorization: Bearer b'),
      expect: refused(400),
    },
    unforged('X-Forwarded-For of the client’s', 'X-Forwarded-For: 10.0.0.1'),
    unforged(
      'X-Forwarded-For in two lines',
      'X-Forwarded-For: 10.0.0.1',
      'x-forwarded-for: 10.0.0.2',
    ),
    {
      ...unforged('X-Forwarded-For with underscores', 'X_Forwarded_For: 10.0.0.1'),
      expect: forwarded({ target: '/a', headers: { 'x-forwarded-for': '127.0.0.1' } }),
    },
    {
      name: 'X-Forwarded-Proto and -Host with underscores',
      rule: FORWARDED,
      send: get('/a', 'X_Forwarded_Proto: https', 'X_Forwarded_Host: internal'),
      expect: forwarded({
        target: '/a',
        headers: { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'shop.example' },
      }),
    },
    {
      name: 'a Host of another in X-Forwarded-Host',
      rule: FORWARDED,
      send: get('/a', 'X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: https'),
      expect: forwarded({
        target: '/a',
        headers: { 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'http' },
      }),
    },
    {
      name: 'Forwarded of the client’s',
      rule: FORWARDED,
      send: get('/a', 'Forwarded: for=10.0.0.1;proto=https;host=evil.example'),
      expect: forwarded({ target: '/a', headers: { forwarded: null } }),
      also: [forwarded({ target: '/a', headers: { forwarded: /127\.0\.0\.1[^,]*$/ } })],
    },
    {
      name: 'X-Real-IP of the client’s',
      rule: FORWARDED,
      send: get('/a', 'X-Real-IP: 10.0.0.1'),
      expect: forwarded({ target: '/a', headers: { 'x-real-ip': null } }),
      also: [forwarded({ target: '/a', headers: { 'x-real-ip': '127.0.0.1' } })],
    },
    {
      name: 'two correlation ids',
      rule: 'RFC 9110, 5.3: one value, which log and upstream agree on',
      send: get('/a', 'X-Correlation-Id: one', 'X_Correlation_Id: two', 'X-Correlation-Id: three'),
      expect: forwarded({ target: '/a', headers: { 'x-correlation-id': 'one' } }),
      also: [refused(400), forwarded({ target: '/a' })],
    },
    {
      name: 'a correlation id that would break a line of the log',
      rule: 'RFC 9110, 17: what is logged is chosen by an attacker',
      send: get('/a', 'X-Correlation-Id: a" level="fatal'),
      expect: forwarded({ target: '/a', headers: { 'x-correlation-id': /^[0-9a-f]{32}$/ } }),
      also: [refused(400), forwarded({ target: '/a' })],
    },
    {
      name: 'an identity in HTTP/1.0',
      rule: RULE,
      send: head('GET /a HTTP/1.0', 'X-User-Id: admin'),
      expect: forwarded({ target: '/a', headers: NOBODY }),
      also: [refused(400)],
    },
  ],
}
