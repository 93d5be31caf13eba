import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../rules.ts'

const run = promisify(execFile)

export const BANYAN = join(ROOT, 'packages/cli/bin/banyan.js')

/** Runs the command as an operator would. @returns what it prints @throws with what it says when it fails */
export async function banyan(args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await run(process.execPath, [BANYAN, ...args], { cwd })
  return stdout
}
