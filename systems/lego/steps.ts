import type { Answer, Outcome, Step, Write } from '@banyan/lab'

/** A read whose answer says nothing for the checker, unless the caller adds a `conclude`. */
export function read(op: string, path: string): Step {
  return { op, method: 'GET', path, writes: false, conclude: () => ({}) }
}

/**
 * A write, and what it has done when it was answered; `writes` is given null when nobody can know: then
 * the client stops counting on what it wrote to.
 */
export function write(
  op: string,
  method: Step['method'],
  path: string,
  { body, writes }: { body?: unknown; writes(answer: Answer | null): readonly Write[] },
): Step {
  return {
    op,
    method,
    path,
    writes: true,
    ...(body === undefined ? {} : { body }),
    conclude: (outcome: Outcome, answer) =>
      outcome === 'refused' ? {} : { writes: writes(outcome === 'unknown' ? null : answer) },
  }
}
