import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..', '..', '..', '..')

/** Where a server of `npm run servers` listens. */
export function serverUrl(variable: string, usual: string): string {
  return process.env[variable] ?? usual
}

/** Ends a server of `npm run servers`, by SIGKILL unless told otherwise, and starts it again on the data it had. */
export async function restartServer(name: string, how: 'kill' | 'stop' = 'kill'): Promise<void> {
  for (const action of [how, 'start']) {
    const args = ['--import', 'tsx', 'scripts/servers/main.ts', action, name]
    await run(process.execPath, args, { cwd: ROOT })
  }
}
