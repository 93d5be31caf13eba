import { type Area, asAnn, type Case, forwarded, get, refused } from '../case.ts'

const ESCAPED =
  'RFC 3986, 2.2 and 7.3: an escaped separator is data to one reader and a separator to another'
const DOTS = 'RFC 3986, 5.2.4 and 6.2.2.3: dot segments are removed before a path is compared'
const SAME = 'RFC 3986, 6.2.2: equal once case and escapes are normal, and so the same route'

const bad = (name: string, target: string, rule = ESCAPED): Case => ({
  name,
  rule,
  send: asAnn(target),
  expect: refused(400),
})
/** At the service, or refused: nowhere else. */
const moved = (name: string, target: string, at: string, rule = SAME): Case => ({
  name,
  rule,
  send: asAnn(target),
  expect: forwarded({ to: 'service', target: at }),
  also: [refused(400)],
})
/** At the monolith, where it leads out of the moved route. */
const out = (name: string, target: string, at: string): Case => ({
  name,
  rule: DOTS,
  send: asAnn(target),
  expect: forwarded({ target: at }),
  also: [refused(400)],
})

/** Ways to a moved route, and out of it, that two readers see differently. */
export const PATHS: Area = {
  name: 'paths',
  cases: [
    moved(
      'two slashes',
      '/api//things',
      '/v1/things',
      'a monolith that merges slashes serves its own copy',
    ),
    moved('a dot segment', '/api/./things/7', '/v1/things/7', DOTS),
    moved('two dots', '/x/../api/things/7', '/v1/things/7', DOTS),
    moved('two dots in escapes', '/x/%2e%2E/api/things/7', '/v1/things/7', DOTS),
    moved('letters in escapes', '/%61pi/%74hings/7', '/v1/things/7'),
    moved(
      'capitals',
      '/API/Things/7',
      '/v1/things/7',
      'frameworks that overlook case would serve their own copy',
    ),
    moved(
      'a slash at the end',
      '/api/things/',
      '/v1/things',
      'frameworks that overlook it would serve their own copy',
    ),
    moved(
      'parameters of a segment',
      '/api;v=1/things;x/7',
      '/v1/things/7',
      'RFC 3986, 3.3: to some servers no part of the name',
    ),
    moved('an absolute form', 'http://shop.example/api/things/7', '/v1/things/7'),
    out('a climb out of the moved route', '/api/things/../other', '/api/other'),
    out('a climb in escapes', '/api/things/%2e%2e/other', '/api/other'),
    out('a climb half in escapes', '/api/things/.%2E/other', '/api/other'),
    out('a climb past the prefix that is rewritten', '/api/things/../../internal', '/internal'),
    bad('a climb above the root', '/../internal', DOTS),
    bad('a climb above the root in escapes', '/a/%2e%2e/%2e%2e/internal', DOTS),
    bad('a climb above the root from the moved route', '/api/things/../../../internal', DOTS),
    bad('an escaped slash', '/api/things%2f..%2f..%2finternal'),
    bad('an escaped slash in capitals', '/api%2Fthings'),
    bad(
      'a backslash',
      '/api/things\\..\\internal',
      'RFC 3986, 2: no character of a URI; some servers take it for a slash',
    ),
    bad('an escaped backslash', '/api/things/%5c..%5cinternal'),
    bad('an escaped NUL', '/api/things/7%00.png'),
    bad('half an escape', '/api/things/%2', 'RFC 3986, 2.1: two hexadecimal digits'),
    bad('an escape that is none', '/api/things/%zz', 'RFC 3986, 2.1: two hexadecimal digits'),
    bad(
      'an escape of IIS',
      '/api/things/%u002e%u002e/internal',
      'RFC 3986, 2.1: two hexadecimal digits',
    ),
    bad('a fragment', '/api/things#/../../internal', 'RFC 9112, 3.2: no fragment in a target'),
    bad('a fragment in the query', '/api/things?a#b', 'RFC 9112, 3.2: no fragment in a target'),
    bad('a space', '/api/things 7', 'RFC 9112, 3.2: no whitespace in a target'),
    bad('raw high octets', '/api/things/\xc0\xafinternal', 'RFC 3986, 2: no characters of a URI'),
    bad(
      'a slash in overlong UTF-8',
      '/api/things/..%c0%af..%c0%afinternal',
      'RFC 3629, 3 and 10: decoders that take it read a slash',
    ),
    bad(
      'a dot in overlong UTF-8',
      '/api/things/%e0%80%ae%e0%80%ae/internal',
      'RFC 3629, 3 and 10: decoders that take it read a dot',
    ),
    bad(
      'a slash in overlong UTF-8 of four octets',
      '/api/things/..%F0%80%80%AFinternal',
      'RFC 3629, 3 and 10: decoders that take it read a slash',
    ),
    bad(
      'two dots with parameters',
      '/x/..;/api/things',
      'RFC 3986, 3.3: a server that drops parameters reads a dot segment',
    ),
    bad(
      'one dot with parameters, in the moved route',
      '/api/things/.;a=b/7',
      'RFC 3986, 3.3: a server that drops parameters reads a dot segment',
    ),
    {
      name: 'dots in escapes of escapes',
      rule: 'RFC 3986, 2.4: never decoded twice',
      send: asAnn('/api/things/%252e%252e/internal'),
      expect: forwarded({ to: 'service', target: '/v1/things/%252e%252e/internal' }),
      also: [refused(400)],
    },
    {
      name: 'a slash in escapes of escapes',
      rule: 'RFC 3986, 2.4: never decoded twice',
      send: asAnn('/api/things/a%252fb'),
      expect: forwarded({ to: 'service', target: '/v1/things/a%252fb' }),
      also: [refused(400)],
    },
    {
      name: 'an escaped question mark',
      rule: 'RFC 3986, 2.2: data of the path, and never the begin of a query',
      send: asAnn('/api/things/7%3Fadmin=1'),
      expect: forwarded({ to: 'service', target: '/v1/things/7%3Fadmin=1' }),
      also: [refused(400)],
    },
    {
      name: 'escaped CR and LF',
      rule: 'RFC 9112, 11.1: never decoded on the way, where they would end a line',
      send: asAnn('/api/things/7%0d%0aX-User-Id:%20admin'),
      expect: forwarded({
        to: 'service',
        target: '/v1/things/7%0D%0AX-User-Id:%20admin',
        headers: { 'x-user-id': 'ann' },
      }),
      also: [
        refused(400),
        forwarded({ to: 'service', target: '/v1/things/7%0d%0aX-User-Id:%20admin' }),
        forwarded({ to: 'service', target: '/v1/things/7%0D%0AX-User-Id:%20admin' }),
      ],
    },
    {
      name: 'a path beside the moved one that begins alike',
      rule: 'RFC 3986, 3.3: segments are compared whole',
      send: asAnn('/api/thingsandmore'),
      expect: forwarded({ target: '/api/thingsandmore' }),
    },
    {
      name: 'dots, slashes and a backslash in the query',
      rule: 'RFC 3986, 3.4: a query has no segments',
      send: asAnn('/api/things?to=/../%2f%5c'),
      expect: forwarded({ to: 'service', target: '/v1/things?to=/../%2f%5c' }),
      also: [refused(400)],
    },
    {
      name: 'two question marks',
      rule: 'RFC 3986, 3.4: the first begins the query',
      send: get('/a?b?/api/things'),
      expect: forwarded({ target: '/a?b?/api/things' }),
    },
    {
      name: 'another path in X-Original-URL and X-Rewrite-URL',
      rule: 'RFC 9110, 7.1: the target is in the request line; some frameworks believe these instead',
      send: get(
        '/a',
        'X-Original-URL: /api/things',
        'X-Rewrite-Url: /internal',
        'X_Original_URL: /b',
      ),
      expect: forwarded({
        target: '/a',
        headers: { 'x-original-url': null, 'x-rewrite-url': null },
      }),
    },
  ],
}
