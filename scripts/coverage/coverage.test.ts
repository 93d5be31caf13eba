import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { coverageOf, linesOf, withProcesses } from './lines.ts'
import { hitsOfProcesses } from './processes.ts'

const EXECUTED = fileURLToPath(new URL('fixtures/executed.ts', import.meta.url))
const run = promisify(execFile)

it('counts the lines of TypeScript that processes have executed, and those they have not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'coverage-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const execute = (size: string) =>
    run(process.execPath, ['--import', 'tsx', EXECUTED, size], {
      env: { ...process.env, NODE_V8_COVERAGE: folder },
    })
  const covered = () => {
    const lines = hitsOfProcesses(folder, (file) => file === EXECUTED).get(EXECUTED)!
    return [7, 8, 10, 14, 17, 18, 19].filter((line) => lines.get(line)! > 0)
  }
  await execute('1')
  expect(covered()).toEqual([7, 10, 17, 18, 19])
  await execute('100')
  expect(covered()).toEqual([7, 8, 10, 14, 17, 18, 19])
})

it('adds what processes executed to the lines that hold statements', () => {
  const at = (line: number) => ({ start: { line } })
  const statementMap = { 0: at(1), 1: at(3), 2: at(3), 3: at(4) }
  const tests = new Map([['a.ts', linesOf({ statementMap, s: { 0: 2, 1: 0, 2: 1, 3: 0 } })]])
  expect(tests.get('a.ts')).toEqual(
    new Map([
      [1, 2],
      [3, 1],
      [4, 0],
    ]),
  )
  expect(coverageOf(tests.values())).toEqual({ lines: 3, covered: 2, percent: (2 / 3) * 100 })
  const processes = new Map([
    [
      'a.ts',
      new Map([
        [2, 9],
        [4, 5],
      ]),
    ],
    ['unknown.ts', new Map([[1, 1]])],
  ])
  const all = withProcesses(tests, processes)
  expect([...all.keys()]).toEqual(['a.ts'])
  expect(coverageOf(all.values())).toEqual({ lines: 3, covered: 3, percent: 100 })
  expect(coverageOf([])).toEqual({ lines: 0, covered: 0, percent: 100 })
})
