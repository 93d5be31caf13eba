import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { IDENTITY_HEADERS } from '@banyan/contracts'

/** A service that `banyan try` runs. */
export interface Tried {
  /** As the user it names; POST when there is a body. */
  ask(path: string, body?: unknown): Promise<{ status: number; body: Record<string, object> }>
  /** As Ctrl-C does; resolves when all of its processes have ended. */
  end(): Promise<void>
}

/** @throws Error with its stderr when it ends before it listens */
export async function tryService(
  command: string,
  cwd: string,
  env: Record<string, string>,
): Promise<Tried> {
  // A group of its own: a terminal sends Ctrl-C to all of them.
  const child = spawn(`${command} --json`, { cwd, env, shell: true, detached: true })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const { url, identity } = await Promise.race([
    new Promise<{ url: string; identity: string }>((resolve) => {
      createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)))
    }),
    ended.then((code) => Promise.reject(new Error(`ended with code ${code}:\n${log}`))),
  ])
  return {
    async ask(path, body) {
      const answer = await fetch(`${url}${path}`, {
        headers: {
          [IDENTITY_HEADERS.signed]: identity,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, object> }
    },
    async end() {
      process.kill(-child.pid!, 'SIGINT')
      await ended
    },
  }
}
