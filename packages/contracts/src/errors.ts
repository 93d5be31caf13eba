import { MOVING } from './catalogue/moving.ts'
import { SERVING } from './catalogue/serving.ts'

/**
 * The error catalogue: every problem a process of ours answers or prints, by its code.
 * `docs/errors.md` is held against it by a test.
 */
export const CATALOGUE = { ...MOVING, ...SERVING }

export type ErrorCode = keyof typeof CATALOGUE

/** RFC 9457 problem details. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly [extension: string]: unknown
}

export const PROBLEM_TYPE = 'application/problem+json'

/** An error of the catalogue; `values` fill the template and travel as extension members. */
export class BanyanError extends Error {
  readonly code: ErrorCode
  readonly values: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, values: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(fill(CATALOGUE[code].detail, values), options)
    this.name = 'BanyanError'
    this.code = code
    this.values = values
  }

  get status(): number {
    return CATALOGUE[this.code].status
  }

  toProblem(): Problem {
    return {
      ...this.values,
      type: `urn:banyan:error:${this.code.toLowerCase()}`,
      title: CATALOGUE[this.code].title,
      status: this.status,
      detail: this.message,
      code: this.code,
    }
  }
}

function fill(template: string, values: Record<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? `{${name}}`))
}
