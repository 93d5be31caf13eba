import { fileURLToPath } from 'node:url'
import type { ManagedProcess, Supervisor } from '@banyan/lab'
import { ControlClient } from '@banyan/migration'
import { freePort } from '@banyan/postgres'
import type { Database, Rig } from '../rig.ts'
import { fillNotes } from './writers.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const BANYAN = here('../../../packages/cli/src/main.ts')
const PLAN = here('plan.ts')
const TOKEN = 'token-of-the-benchmark'
export const NOTE = `CREATE TABLE public.note (id bigint PRIMARY KEY, owner text NOT NULL, n int NOT NULL, text text NOT NULL);
  CREATE INDEX note_owner ON public.note (owner)`

/** An application of two sides, one gateway and one engine, each a process of its own. */
export interface HoldSystem {
  readonly source: Database
  readonly target: Database
  readonly control: ControlClient
  readonly gatewayUrl: string
  /** The gateway's own counters. */
  stats(): Promise<GatewayHolds>
  stop(): Promise<void>
}

export interface GatewayHolds {
  readonly released: number
  readonly refused: number
  readonly replayed: number
  /** The latest thousand, oldest first. */
  readonly recentMs: readonly number[]
}

export async function startHoldSystem(supervisor: Supervisor, rig: Rig): Promise<HoldSystem> {
  const source = await rig.database(rig.source, 'notes')
  const target = await rig.database(rig.target, 'notes')
  const control = await rig.database(rig.target, 'control')
  for (const { pool } of [source, target]) await pool.query(NOTE)
  await fillNotes(source.pool)
  const databases = { BENCH_SOURCE_DATABASE: source.url, BENCH_TARGET_DATABASE: target.url }
  const processes: ManagedProcess[] = []
  const start = async (...given: Parameters<Supervisor['process']>) => {
    const one = await supervisor.process(...given)
    processes.push(one)
    return one
  }
  let servicePort = 0
  const application = await start('application', {
    file: here('application.ts'),
    env: databases,
    onEvent: (event) => {
      if (event.event === 'listening') servicePort = Number(event.servicePort)
    },
  })
  const [controlPort, gatewayPort, adminPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const controlUrl = `http://127.0.0.1:${controlPort}`
  const env = {
    ...databases,
    BENCH_CONTROL_DATABASE: control.url,
    BENCH_CONTROL_PORT: String(controlPort),
    BENCH_GATEWAY_PORT: String(gatewayPort),
    BENCH_TOKEN: TOKEN,
    BENCH_MONOLITH: application.url,
    BENCH_SERVICE: `http://127.0.0.1:${servicePort}`,
  }
  await start('engine', { file: BANYAN, args: ['serve', '--config', PLAN], env })
  await start('gateway', {
    file: BANYAN,
    args: [
      ...['gateway', '--config', PLAN, '--admin-port', String(adminPort)],
      ...['--control', controlUrl],
    ],
    env,
  })
  return {
    source,
    target,
    control: new ControlClient({ urls: [controlUrl], token: TOKEN }),
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    async stats() {
      const answer = await fetch(`http://127.0.0.1:${adminPort}/stats`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      })
      const { extractions } = (await answer.json()) as {
        extractions: { holds: Omit<GatewayHolds, 'replayed'>; replayed: number }[]
      }
      const one = extractions[0]
      return one
        ? { ...one.holds, replayed: one.replayed }
        : { released: 0, refused: 0, replayed: 0, recentMs: [] }
    },
    async stop() {
      for (const one of processes.reverse()) await one.stop()
    },
  }
}
