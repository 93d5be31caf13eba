import type { ExtractionPlan } from '@banyan/migration'

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
export function serviceAt(name: string, port: number): ExtractionPlan['service'] {
  const variable = name.toUpperCase()
  return {
    url: env[`${variable}_URL`] ?? `http://127.0.0.1:${port}`,
    databaseUrl: env[`${variable}_DATABASE_URL`] ?? localDatabase(name),
  }
}

const percents = (env.BANYAN_STEPS ?? '1,10,50,100').split(',').map(Number)
const seconds = number('BANYAN_STEP_SECONDS', 300)
const next = env.BANYAN_STEP_NEXT === 'manual' ? 'manual' : 'auto'

/** Under which conditions each of them moves. */
export const conditions = {
  steps: percents.map((percent) => ({ percent, seconds, next })),
  gates: {
    errorRate: number('BANYAN_ERROR_RATE', 0.01),
    shadowDifference: number('BANYAN_SHADOW_DIFFERENCE', 0.001),
    minimumRequests: number('BANYAN_MINIMUM_REQUESTS', 50),
    latencyRatio: number('BANYAN_LATENCY_RATIO', 2),
  },
  shadow: { minimumCompared: number('BANYAN_MINIMUM_COMPARED', 100) },
  handover: { attempts: number('BANYAN_HANDOVER_ATTEMPTS', 10) },
  copyRowsPerSecond: number('BANYAN_COPY_ROWS_PER_SECOND', Number.POSITIVE_INFINITY),
  soakSeconds: number('BANYAN_SOAK_SECONDS', 3600),
} satisfies Partial<ExtractionPlan>
