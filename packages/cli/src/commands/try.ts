import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { IDENTITY_HEADERS, signIdentity } from '@banyan/contracts'
import { EmbeddedPostgres } from '@banyan/postgres'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand } from '../failure.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

/** The identity that is printed is good for a working day; the key it is signed with dies with the command. */
const DAY_MS = 24 * 60 * 60 * 1_000
const USER = { userId: 'ada', email: null, roles: [] }

export function tryCommand(bind: Bind): Command {
  return new Command('try')
    .description('run a service on a PostgreSQL server that is thrown away when it ends')
    .argument('<folder>', 'of the service, e.g. services/price-alerts')
    .action(bind(tryService))
}

async function tryService(session: Session, given: string): Promise<ExitCode> {
  const { cwd, env } = session.terminal
  const main = join(resolve(cwd, given), 'main.ts')
  await checkMain(main, given)
  const key = randomBytes(24).toString('base64url')
  const server = await EmbeddedPostgres.start()
  let child: ChildProcess | undefined
  try {
    const needs = {
      DATABASE_URL: await server.createDatabase('service'),
      BUS_URL: await server.createDatabase('bus'),
      BANYAN_IDENTITY_KEY: key,
    }
    child = spawn(process.execPath, ['--import', TSX, main], {
      cwd,
      env: { ...env, ...needs },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    createInterface({ input: child.stdout! }).on('line', (line) => {
      void tell(session, line, key)
    })
    await Promise.race([session.ended(), ended])
    child.kill('SIGTERM')
    const [code, signal] = (await ended) as [number | null, string | null]
    return code === 0 || signal === 'SIGTERM' ? EXIT.ok : EXIT.internal
  } finally {
    child?.kill('SIGKILL')
    await server.stop()
  }
}

/** Ours, so that the service's project need not have it. */
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

async function checkMain(main: string, given: string): Promise<void> {
  if (await stat(main).catch(() => null)) return
  const there = await stat(dirname(main)).catch(() => null)
  throw badCommand(
    there ? `${given} has no main.ts` : `there is no folder ${given}`,
    'Give the folder of a service; "banyan new service NAME" makes one.',
  )
}

/** How to ask it, once it says where it listens. */
async function tell(session: Session, line: string, key: string): Promise<void> {
  const { event, port } = JSON.parse(line) as { event: string; port: number }
  if (event !== 'listening') return
  const url = `http://127.0.0.1:${port}`
  const identity = signIdentity(USER, key, Date.now() + DAY_MS)
  if (session.json) {
    session.printJson({ event, port, url, userId: USER.userId, identity })
    return
  }
  session.print(`It listens at ${url}; its routes: ${url}/docs. Ctrl-C ends it, and its data.`)
  session.print(`To ask as "${USER.userId}", who came through the gateway:`)
  session.print(`  curl ${url}${await someRead(url)} -H '${IDENTITY_HEADERS.signed}: ${identity}'`)
}

/** A route that can be asked without knowing anything. */
async function someRead(url: string): Promise<string> {
  const answer = await fetch(`${url}/openapi.json`)
  const { paths } = (await answer.json()) as { paths: Record<string, { get?: object }> }
  const reads = Object.entries(paths).filter(([path, { get }]) => get && !path.includes('{'))
  return reads[0]?.[0] ?? '/health/ready'
}
