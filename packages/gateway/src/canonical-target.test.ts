import { BanyanError } from '@banyan/contracts'
import { describe, expect, it } from 'vitest'
import { canonicalTarget } from './canonical-target.ts'

describe('a path has one canonical form', () => {
  it.each([
    ['/', '/', ''],
    ['/a/b', '/a/b', ''],
    ['/a/b/', '/a/b/', ''],
    ['/a/%C3%80%E0%A0%80%F0%90%80%80', '/a/%C3%80%E0%A0%80%F0%90%80%80', ''],
    ['/a//b', '/a/b', ''],
    ['///a///b//', '/a/b/', ''],
    ['//a', '/a', ''],
    ['/a/./b', '/a/b', ''],
    ['/a/.', '/a/', ''],
    ['/a/b/../c', '/a/c', ''],
    ['/a/..', '/', ''],
    ['/a/%2e%2E/b', '/b', ''],
    ['/a/%2e/b', '/a/b', ''],
    ['/%61%2D%5f%7e', '/a-_~', ''],
    ['/a%c3%a9', '/a%C3%A9', ''],
    ['/a%20b', '/a%20b', ''],
    ['/a%252e%252e/b', '/a%252e%252e/b', ''],
    ['/a%3Fb', '/a%3Fb', ''],
    ['/.well-known/x', '/.well-known/x', ''],
    ['/a/...', '/a/...', ''],
    ['/a?b=/../%2f\\', '/a', '?b=/../%2f\\'],
    ['/a??', '/a', '??'],
    ['/a;v=1/b', '/a;v=1/b', ''],
    ['http://host/a//b?q', '/a/b', '?q'],
    ['HTTP://HOST', '/', ''],
    ['http://host?q', '/', '?q'],
  ])('%s', (target, path, query) => {
    expect(canonicalTarget(target, 'host')).toMatchObject({ path, query })
  })
})

describe('what could be read in two ways is refused', () => {
  it.each([
    ['/a%2fb'],
    ['/a%c0%af'],
    ['/%e0%80%ae'],
    ['/%F0%80%80%AF'],
    ['/a/..;/b'],
    ['/.;x=1/b'],
    ['/\xe9'],
    ['http:///a'],
    ['/a%2Fb'],
    ['/a%5cb'],
    ['/a\\b'],
    ['/a%00'],
    ['/a%'],
    ['/a%zz'],
    ['/a%2'],
    ['/..'],
    ['/../a'],
    ['/a/../../b'],
    ['/a/%2e%2e/%2E./b'],
    ['/a#b'],
    ['/a?b#c'],
    ['/a b'],
    ['/a\x7f'],
    ['*'],
    ['a/b'],
    ['http://other/a'],
    ['http://user@host/a'],
    ['ftp://host/a'],
  ])('%s', (target) => {
    expect(() => canonicalTarget(target, 'host')).toThrow(BanyanError)
  })
})
