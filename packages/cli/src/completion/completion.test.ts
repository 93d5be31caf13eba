import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXAMPLES } from '../examples.ts'
import { buildProgram } from '../program.ts'
import { doing, problemOf, wordsOf } from '../testing/command-line.ts'
import { FakeTerminal } from '../testing/fake-terminal.ts'

const silent = new FakeTerminal()
const program = () => {
  let built: Command | null = null
  built = buildProgram(silent.terminal(), () => {})
  return built
}

describe('examples', () => {
  const all = new Map(doing(program()))

  it('are there for every command, and for nothing else', () => {
    expect(Object.keys(EXAMPLES).sort()).toEqual([...all.keys()].sort())
  })

  it.each(Object.entries(EXAMPLES))('of %s are taken by it', (path, lines) => {
    for (const line of lines) {
      expect(line.startsWith(path), line).toBe(true)
      expect(problemOf(program(), wordsOf(line), true), line).toBeNull()
    }
  })

  it('stand in the help', async () => {
    const terminal = new FakeTerminal()
    expect(await terminal.run('help', 'throttle')).toBe(0)
    expect(terminal.out).toContain('banyan throttle invoices --pause-copy')
  })
})

describe('completion in a shell', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'banyan-complete-'))
    const terminal = new FakeTerminal()
    expect(await terminal.run('completion', 'bash'), terminal.err).toBe(0)
    await writeFile(join(folder, 'bash'), terminal.out)
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** What bash offers for the last of the words. */
  async function offered(...words: string[]): Promise<string[]> {
    const line = `source ./bash
      banyan() { [ "$*" = 'completion names' ] && printf 'invoices\\nnotes\\n'; }
      COMP_WORDS=(banyan ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
      _banyan; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await promisify(execFile)('bash', ['-c', line], { cwd: folder })
    return stdout.split('\n').filter((word) => word !== '')
  }

  it('offers commands, what they take, options, and the values of options', async () => {
    expect(await offered('st')).toEqual(['status', 'start'])
    expect(await offered('dlq', '')).toEqual(['list', 'show', 'redrive', 'discard'])
    expect(await offered('render', 'k')).toEqual(['kong'])
    expect(await offered('dlq', 'list', '--k')).toEqual(['--kind'])
    expect(await offered('dlq', 'list', '--kind', 'o')).toEqual(['outgoing'])
    expect(await offered('status', '--j')).toEqual(['--json'])
  })

  it('offers the names of extractions where one is meant, and nothing where only a person knows', async () => {
    expect(await offered('rollback', '')).toEqual(['invoices', 'notes'])
    expect(await offered('--json', 'why', 'n')).toEqual(['notes'])
    expect(await offered('rollback', '--why', '')).toEqual([])
    expect(await offered('serve', '')).toEqual([])
  })

  it('names extractions of the plan, and none, without a word, where there is no plan', async () => {
    const terminal = new FakeTerminal({ cwd: folder })
    expect([await terminal.run('completion', 'names'), terminal.out, terminal.err]).toEqual([
      0,
      '',
      '',
    ])
  })

  it.each(['zsh', 'fish'])('is there for %s, with every command', async (shell) => {
    const terminal = new FakeTerminal()
    expect(await terminal.run('completion', shell)).toBe(0)
    for (const { name } of program().commands.map((one) => ({ name: one.name() }))) {
      expect(terminal.out).toMatch(new RegExp(`\\b${name}\\b`))
    }
  })
})
