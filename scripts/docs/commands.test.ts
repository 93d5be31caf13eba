import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildProgram } from '../../packages/cli/src/program.ts'
import { doing, problemOf, wordsOf } from '../../packages/cli/src/testing/command-line.ts'
import { FakeTerminal } from '../../packages/cli/src/testing/fake-terminal.ts'
import { pages, ROOT } from './markdown.ts'

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}
const program = buildProgram(new FakeTerminal().terminal(), () => {})

describe.each(pages())('the commands of $path', ({ text }) => {
  it('are there, with the options that they are given', () => {
    const problems = [
      ...lines(text).map((line) => ({ line, problem: problemOf(program, typed(line), true) })),
      ...mentions(text).map((line) => ({ line, problem: problemOf(program, typed(line), false) })),
    ]
    expect(problems.filter(({ problem }) => problem !== null)).toEqual([])
  })

  it('of npm are scripts of this repository', () => {
    const named = [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, name]) => name!)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

it('docs/cli.md lists every command, with options that it has', () => {
  const { text } = pages().find(({ path }) => path === 'docs/cli.md')!
  const [table] = text.split('\n## Commands\n')[1]!.split('\n\nAn extraction')
  const cells = [...table!.matchAll(/^\| (`.+?) \| /gm)].flatMap(([, cell]) =>
    [...cell!.replaceAll('\\|', '¦').matchAll(/`([^`]+)`/g)].map(([, one]) => one!),
  )
  const listed = cells.map((cell) => wordsOf(plain(cell)))
  expect(listed.map((words) => problemOf(program, words, false)).filter(Boolean)).toEqual([])
  const names = listed.map((words) => words.join(' '))
  const missing = doing(program).filter(
    ([path]) => !names.some((one) => `${one} `.startsWith(`${path} `)),
  )
  expect(missing.map(([path]) => path)).toEqual([])
})

it('a command that is none, an option that is none and a value that lacks are told', () => {
  const said = (line: string, whole = true) => problemOf(program, wordsOf(line), whole)
  expect(said('promote wishes 50 --why "no tickets" # half')).toBeNull()
  expect(said('verify wishes --repare public.item:7')).toBe('verify has no --repare')
  expect(said('rolback wishes')).toBe('there is no command rolback')
  expect(said('dlq lst')).toBe('there is no command lst')
  expect(said('archive wishes --to')).toBe('--to has no value')
  expect(said('pause wishes now')).toBe('pause takes no now')
  expect(said('dlq show')).toBe('show lacks id')
  expect(said('dlq show', false)).toBeNull()
  expect(said('gateway --port', false)).toBeNull()
})

/** HAProxy's own, which a route table's Lua adds to it (docs/gateway.md). */
const AT_THE_SOCKET = /^(bucket|stats)\b/

/** A line of usage as a command: without brackets, one of the values that there are, all of the options. */
function plain(usage: string): string {
  return usage
    .replace(/[[\]]/g, '')
    .replace(/ ¦ (?=--)/g, ' ')
    .replace(/( ¦ [\w-]+)+/g, '')
}

/** Commands in blocks, a line each, as a reader would type them. */
function lines(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^( *)```(?:sh|bash)?\n([\s\S]*?)^\1```$/gm)].map(
    ([, , block]) => block!.replaceAll('\\\n', ' '),
  )
  return blocks.flatMap((block) =>
    [...block.matchAll(/^ *(?:\w+=\S+ )*(?:npx )?banyan (.+)$/gm)].map(([, line]) => line!),
  )
}

/** Commands within a sentence. */
function mentions(markdown: string): string[] {
  const prose = markdown.replace(/^( *)```[\s\S]*?^\1```$/gm, '')
  return [...prose.matchAll(/`(?:npx )?banyan ([^`]+)`/g)]
    .map(([, line]) => line!)
    .filter((line) => !AT_THE_SOCKET.test(line))
}

function typed(line: string): string[] {
  // In a table a bar is written `\|`.
  return wordsOf(line.replaceAll('\\|', '|'))
}
