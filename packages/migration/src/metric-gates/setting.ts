import { z } from 'zod'

/** A gate that something else than the gateways measures: Prometheus, or a command. */
export interface MetricGate {
  /** Unlike the others'; shown, and kept in the ledger. */
  readonly name: string
  readonly prometheus?: PrometheusSource
  readonly command?: CommandSource
  /** What every value must be; one bound or two. */
  readonly require: Bounds
  /** How often it is asked while the extraction is judged, s; 10 by default. */
  readonly everySeconds?: number
  /** How long one answer may take, ms; 5,000 by default. */
  readonly timeoutMs?: number
  /** Once users have moved, and it is out of bounds: bring them back (default), or wait. */
  readonly otherwise?: 'rollback' | 'wait'
  /** Three times in a row nothing was to be had of it: wait (default), or bring the users back. */
  readonly unknown?: 'wait' | 'rollback'
}

/** A query of Prometheus; every series of the answer must be within the bounds. */
export interface PrometheusSource {
  /** Where its HTTP API is, without `/api/v1`. */
  readonly url: string
  /** PromQL, for an instant; `$window` stands for `window`. */
  readonly query: string
  /** A duration as Prometheus writes it, `1m`. */
  readonly window?: string
  /** How it is asked, where it wants to know by whom; the secrets stand in environment variables of the engine. */
  readonly auth?: TokenVariable | PasswordVariable
}

/** A bearer token. */
interface TokenVariable {
  /** Name of the environment variable that has it. */
  readonly token: string
}

/** Basic authentication. */
interface PasswordVariable {
  /** As it is. */
  readonly user: string
  /** Name of the environment variable that has it. */
  readonly password: string
}

/** A program that prints one number. */
export interface CommandSource {
  /** The program and its arguments; no shell reads them. */
  readonly run: readonly string[]
  /** Environment variables it is given, beside PATH, HOME, LANG, TMPDIR and TZ. */
  readonly env?: readonly string[]
}

/** One bound, or two. */
export interface Bounds {
  /** More than this. */
  readonly above?: number
  /** This or more. */
  readonly atLeast?: number
  /** This or less. */
  readonly atMost?: number
  /** Less than this. */
  readonly below?: number
}

export type ResolvedMetricGate = MetricGate &
  Required<Pick<MetricGate, 'everySeconds' | 'timeoutMs' | 'otherwise' | 'unknown'>>

/** Of an environment variable. */
export const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')

/** Of somebody else's server. Plans are read by many: secrets do not stand in them. */
export const outsideUrl = z
  .string()
  .regex(/^https?:\/\/[^\s#]+$/, 'must be an http or https address')
  .refine(
    (given) => URL.canParse(given) && new URL(given).username === '',
    'must have no user and password in it: name environment variables instead',
  )

const prometheus = z
  .strictObject({
    url: outsideUrl.refine((given) => !given.includes('?'), 'must have no query'),
    query: z.string().min(1).max(10_000),
    window: z
      .string()
      .regex(/^(\d+(ms|[smhdw]))+$/, 'must be a duration as Prometheus writes it, like 1m')
      .optional(),
    auth: z
      .union([
        z.strictObject({ token: variable }),
        z.strictObject({ user: z.string().min(1), password: variable }),
      ])
      .optional(),
  })
  .refine(({ query, window }) => query.includes('$window') === (window !== undefined), {
    path: ['window'],
    message: 'must be given if, and only if, the query has $window',
  })

const command = z.strictObject({
  run: z.array(z.string()).min(1).max(100),
  env: z.array(variable).max(50).optional(),
})

const bounds = z
  .strictObject({
    above: z.number().optional(),
    atLeast: z.number().optional(),
    atMost: z.number().optional(),
    below: z.number().optional(),
  })
  .refine(
    (given) => Object.keys(given).length > 0,
    'must have one of above, atLeast, atMost and below',
  )

const metricGate = z
  .strictObject({
    name: z.string().min(1).max(80),
    prometheus: prometheus.optional(),
    command: command.optional(),
    require: bounds,
    everySeconds: z.number().min(1).max(3600).default(10),
    timeoutMs: z.number().int().min(100).max(60_000).default(5_000),
    otherwise: z.enum(['rollback', 'wait']).default('rollback'),
    unknown: z.enum(['wait', 'rollback']).default('wait'),
  })
  .refine(
    (given) => (given.prometheus === undefined) !== (given.command === undefined),
    'must have either prometheus or command',
  )

export const metricGates = z
  .array(metricGate)
  .max(50)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'names must differ')
  .default([])

export function isWithin(value: number, { above, atLeast, atMost, below }: Bounds): boolean {
  return (
    (above === undefined || value > above) &&
    (atLeast === undefined || value >= atLeast) &&
    (atMost === undefined || value <= atMost) &&
    (below === undefined || value < below)
  )
}

/** `at least 1 and below 5`. */
export function boundsText({ above, atLeast, atMost, below }: Bounds): string {
  const parts = [
    ['above', above],
    ['at least', atLeast],
    ['at most', atMost],
    ['below', below],
  ] as const
  return parts
    .flatMap(([word, bound]) => (bound === undefined ? [] : [`${word} ${bound}`]))
    .join(' and ')
}

/** What a gate is, for a preview. */
export function metricGateText(gate: ResolvedMetricGate): string {
  const from = gate.command
    ? `the command ${gate.command.run[0]}`
    : `Prometheus at ${gate.prometheus?.url}`
  return `${gate.name} must be ${boundsText(gate.require)}, by ${from}, asked every ${gate.everySeconds} s`
}
