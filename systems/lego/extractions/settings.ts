import type { RequestGates, RoutesPlan, TablesPlan } from '@banyan/migration'

// What every extraction of this system is told by the environment.

const { env } = process

/** A setting that is a number. @throws an Error that names it. */
export function number(name: string, otherwise: number): number {
  const given = env[name]
  if (given === undefined) return otherwise
  const value = Number(given)
  if (given.trim() === '' || Number.isNaN(value)) {
    throw new Error(`${name} is "${given}"; allowed is a number`)
  }
  return value
}

/** A database of this machine, where none is given. */
export function localDatabase(name: string): string {
  return `postgres://postgres:banyan@127.0.0.1:5432/${name}`
}

/** Where a service is: `NAME_URL` and `NAME_DATABASE_URL`, or its documented port on this machine. */
export function serviceAt(name: string, port: number): TablesPlan['service'] {
  const databaseUrl = env[`${name.toUpperCase()}_DATABASE_URL`] ?? localDatabase(name)
  return { url: urlOf(name, port), databaseUrl }
}

/** Where a service answers: `NAME_URL`, or its documented port on this machine. */
export function urlOf(name: string, port: number): string {
  return env[`${name.toUpperCase()}_URL`] ?? `http://127.0.0.1:${port}`
}

const percents = (env.BANYAN_STEPS ?? '1,10,50,100').split(',').map(Number)
const seconds = number('BANYAN_STEP_SECONDS', 300)
const next = env.BANYAN_STEP_NEXT === 'manual' ? 'manual' : 'auto'

/** What requests are judged by, whatever moves with them. */
export const requestGates = {
  errorRate: number('BANYAN_ERROR_RATE', 0.01),
  shadowDifference: number('BANYAN_SHADOW_DIFFERENCE', 0.001),
  minimumRequests: number('BANYAN_MINIMUM_REQUESTS', 50),
  latencyRatio: number('BANYAN_LATENCY_RATIO', 2),
} satisfies RequestGates

/** How fast each of them moves. */
export const stepConditions = {
  steps: percents.map((percent) => ({ percent, seconds, next })),
  shadow: { minimumCompared: number('BANYAN_MINIMUM_COMPARED', 100) },
  soakSeconds: number('BANYAN_SOAK_SECONDS', 3600),
} satisfies Partial<RoutesPlan>

/** Under which conditions each of those moves that bring their rows. */
export const conditions = {
  ...stepConditions,
  gates: requestGates,
  handover: { attempts: number('BANYAN_HANDOVER_ATTEMPTS', 10) },
  copyRowsPerSecond: number('BANYAN_COPY_ROWS_PER_SECOND', Number.POSITIVE_INFINITY),
} satisfies Partial<TablesPlan>
