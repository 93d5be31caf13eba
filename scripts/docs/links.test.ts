import { existsSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchorsOf, pages, proseOf, ROOT, slugOf } from './markdown.ts'

const all = pages()
const texts = new Map(all.map(({ path, text }) => [path, text]))

describe.each(all)('$path', ({ path, text }) => {
  it('leads nowhere that is not there', () => {
    const targets = [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
    expect(targets.map((target) => problemOf(path, target)).filter(Boolean)).toEqual([])
  })
})

it('a heading has the anchor that GitHub gives it', () => {
  expect(slugOf('Gates of your own: Prometheus, or a command')).toBe(
    'gates-of-your-own-prometheus-or-a-command',
  )
  expect(slugOf('What `refused` counts')).toBe('what-refused-counts')
  expect([...anchorsOf('# A\n## A\n```\n# B\n```\n')]).toEqual(['a', 'a-1'])
})

/** What is wrong with a link of a page; null for one that leads somewhere, or out of the repository. */
function problemOf(from: string, target: string): string | null {
  if (/^(https?|mailto):/.test(target)) return null
  const [file, anchor] = target.split('#') as [string, string?]
  const path = file === '' ? from : normalize(join(dirname(from), decodeURIComponent(file)))
  if (path.startsWith('..') || !existsSync(join(ROOT, path))) return `${target}: no such file`
  if (anchor === undefined || statSync(join(ROOT, path)).isDirectory()) return null
  const text = texts.get(path)
  if (text === undefined) return `${target}: its anchors are not known`
  return anchorsOf(text).has(anchor) ? null : `${target}: no such heading`
}
