import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const run = promisify(execFile)

/** Kills (SIGKILL) or starts a server of `npm run servers`; it has the data it had. */
export async function serverNow(action: 'kill' | 'start', name: string): Promise<void> {
  const args = ['--import', 'tsx', 'scripts/servers/main.ts', action, name]
  await run(process.execPath, args, { cwd: ROOT })
}
