import type { LinkProblem } from './types.ts'

/** Ends a link for good: nothing may be applied after it. */
export class FatalProblem extends Error {
  readonly kind: LinkProblem['kind']

  constructor(kind: LinkProblem['kind'], message: string) {
    super(message)
    this.name = 'FatalProblem'
    this.kind = kind
  }
}

/** The stream broke in the middle of something that begins again with the next one. */
export class Interrupted extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Interrupted'
  }
}

/** SQLSTATE of a PostgreSQL error; undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  return (error as { code?: string }).code
}
