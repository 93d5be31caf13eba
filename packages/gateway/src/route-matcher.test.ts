import { expect, it } from 'vitest'
import { type Pattern, RouteMatcher } from './route-matcher.ts'

const pattern = (path: string, ...methods: string[]): Pattern<string> => ({
  methods,
  path,
  value: `${methods.join()} ${path}`,
})

it('gives HEAD what GET would have, but where a pattern of the same path before that names it', () => {
  const valueFor = (patterns: Pattern<string>[], method: string) =>
    new RouteMatcher(patterns).match(method, '/a')?.value
  const [get, head, post] = [pattern('/a', 'GET'), pattern('/a', 'HEAD'), pattern('/a', 'POST')]
  expect(valueFor([post, get], 'HEAD')).toBe('GET /a')
  expect(valueFor([head, get], 'HEAD')).toBe('HEAD /a')
  expect(valueFor([head, get], 'GET')).toBe('GET /a')
  expect(valueFor([post, head], 'GET')).toBeUndefined()
  expect(valueFor([pattern('/a')], 'REPORT')).toBe(' /a')
})

it('refuses patterns that match the same requests, and no others', () => {
  const clash =
    (...patterns: Pattern<string>[]) =>
    () =>
      new RouteMatcher(patterns)
  expect(clash(pattern('/a/:b', 'GET'), pattern('/a/:c', 'POST', 'GET'))).toThrow(
    'routes "/a/:b" and "/a/:c" match the same requests',
  )
  expect(clash(pattern('/a'), pattern('/a', 'GET'))).toThrow('match the same requests')
  expect(clash(pattern('/a', 'GET'), pattern('/a'))).toThrow('match the same requests')
  expect(clash(pattern('/a', 'GET'), pattern('/a', 'POST'), pattern('/a/*'))).not.toThrow()
})

it('takes a path apart at each slash, and overlooks one at its end', () => {
  const matcher = new RouteMatcher([pattern('/*')])
  for (const [path, segments] of [
    ['/', []],
    ['/a', ['a']],
    ['/a/', ['a']],
    ['/a/bc', ['a', 'bc']],
    ['/a/bc/', ['a', 'bc']],
    ['/a;b/.c', ['a;b', '.c']],
  ] as const) {
    expect(matcher.match('GET', path)?.segments, path).toEqual(segments)
  }
})
