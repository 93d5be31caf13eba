import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { findProgram } from '../servers/debian.ts'
import { ROOT, ruleFiles } from './rules.ts'

const run = promisify(execFile)
const FOLDER = join(ROOT, 'deploy', 'prometheus')

/** @throws with what promtool found */
async function promtool(...args: string[]): Promise<string> {
  const { stdout } = await run((await findProgram('promtool'))!, args, { cwd: FOLDER })
  return stdout
}

it('promtool finds nothing in the configuration and the rules that it names', async () => {
  const said = await promtool('check', 'config', '--lint=all', '--lint-fatal', 'prometheus.yml')
  expect(said.match(/SUCCESS: \d+ rules found/g)).toHaveLength(ruleFiles().length)
})

it.each(readdirSync(join(FOLDER, 'tests')))(
  'each alert of %s fires and clears at its time',
  async (file) => {
    expect(await promtool('test', 'rules', join('tests', file))).toContain('SUCCESS')
  },
)
