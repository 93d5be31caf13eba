import { type Area, type Case, forwarded, get, refused } from '../case.ts'

const HOST = 'RFC 9112, 3.2: none, two or an invalid one are answered 400'
const ABSOLUTE =
  'RFC 9112, 3.2.2: the Host of an absolute form is the target’s; one that differs is an attack'
const request = (target: string, ...hosts: string[]) =>
  [`GET ${target} HTTP/1.1`, ...hosts.map((host) => `Host: ${host}`), '', ''].join('\r\n')
const bad = (name: string, ...hosts: string[]): Case => ({
  name,
  rule: HOST,
  send: request('/a', ...hosts),
  expect: refused(400),
})
/** The authority of the target in place of the Host that was sent is right as well. */
const instead = (host: string) => [forwarded({ target: '/a', headers: { host } })]

/** Whom the request is for. */
export const HOSTS: Area = {
  name: 'hosts and forms of the target',
  cases: [
    bad('no Host'),
    bad('two Hosts that differ', 'shop.example', 'internal'),
    bad('two Hosts that agree', 'shop.example', 'shop.example'),
    bad('a Host with a path', 'shop.example/api/things'),
    bad('a Host with a space', 'shop.example internal'),
    bad('a Host with user information', 'user@shop.example'),
    bad('a Host with a port that is no number', 'shop.example:80a'),
    bad('a Host with two ports', 'shop.example:80:81'),
    bad('a Host that is a list', 'shop.example, internal'),
    bad('a Host with a backslash', 'shop.example\\internal'),
    bad('a Host with a quote and a tag', 'shop.example"><script>'),
    bad('a Host with an open bracket', '[::1'),
    {
      name: 'a Host that is an IPv6 address with a port',
      rule: 'RFC 3986, 3.2.2: an address in brackets',
      send: request('/a', '[2001:db8::1]:8080'),
      expect: forwarded({ target: '/a', headers: { host: '[2001:db8::1]:8080' } }),
      also: instead('127.0.0.1'),
    },
    {
      name: 'an absolute form and another Host',
      rule: ABSOLUTE,
      send: request('http://internal/a', 'shop.example'),
      expect: refused(400),
      also: instead('internal'),
    },
    {
      name: 'an absolute form and no Host',
      rule: HOST,
      send: 'GET http://shop.example/a HTTP/1.1\r\n\r\n',
      expect: refused(400),
    },
    {
      name: 'an absolute form with the same Host',
      rule: 'RFC 9112, 3.2.2: a server accepts it',
      send: request('http://shop.example/a', 'shop.example'),
      expect: forwarded({ target: '/a', headers: { host: 'shop.example' } }),
      also: [refused(400)],
    },
    {
      name: 'an absolute form with user information',
      rule: 'RFC 9110, 4.2.4: to be treated as an error',
      send: request('http://shop.example@internal/a', 'shop.example@internal'),
      expect: refused(400),
    },
    {
      name: 'user information that ends before another host',
      rule: 'RFC 9110, 4.2.4: to be treated as an error',
      send: request('http://shop.example:80@internal/a', 'shop.example'),
      expect: refused(400),
      also: instead('internal'),
    },
    {
      name: 'an absolute form of another scheme',
      rule: 'RFC 9110, 7.4: a target of a scheme that is not served is refused',
      send: request('ftp://shop.example/a', 'shop.example'),
      expect: refused(400),
    },
    {
      name: 'an absolute form without an authority',
      rule: 'RFC 9110, 4.2.1: an http URI with an empty host is invalid',
      send: request('http:///a', 'shop.example'),
      expect: refused(400),
    },
    {
      name: 'an absolute form whose path climbs to a moved route',
      rule: 'RFC 3986, 5.2.4: what is routed is what goes on',
      send: request('http://shop.example/x/..//api/./other', 'shop.example'),
      expect: forwarded({ target: '/api/other' }),
      also: [refused(400), forwarded({ target: '/x/..//api/./other' })],
    },
    {
      name: 'the authority form in a GET',
      rule: 'RFC 9112, 3.2.3: for CONNECT alone',
      send: request('internal:80', 'shop.example'),
      expect: refused(400),
    },
    {
      name: 'the asterisk form in a GET',
      rule: 'RFC 9112, 3.2.4: for OPTIONS alone',
      send: request('*', 'shop.example'),
      expect: refused(400),
    },
    {
      name: 'a target that begins with neither slash nor scheme',
      rule: 'RFC 9112, 3.2.1: an absolute path',
      send: request('a/b', 'shop.example'),
      expect: refused(400),
    },
    {
      name: 'a target that begins with "@", which would change the host of a joined URL',
      rule: 'RFC 9112, 3.2.1: an absolute path',
      send: request('@internal/a', 'shop.example'),
      expect: refused(400),
    },
    {
      name: 'two slashes first, which a reader takes for a host',
      rule: 'RFC 3986, 3.3: a path without an authority cannot begin with two slashes',
      send: get('//internal/api/things'),
      expect: forwarded({ target: '/internal/api/things' }),
      also: [refused(400)],
    },
  ],
}
