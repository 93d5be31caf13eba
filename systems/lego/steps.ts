import type { Answer, Outcome, Step, Write } from '@banyan/lab'

/** A read whose answer says nothing for the checker, unless the caller adds a `conclude`. */
export function read(op: string, path: string): Step {
  return { op, method: 'GET', path, writes: false, conclude: () => ({}) }
}

interface Named {
  readonly entity: string
  readonly value: string
}

/** A read of one thing, which may be gone: found or not is for the checker to judge. */
export function readOne<Row>(
  op: string,
  path: string,
  entity: string,
  entityOf: (row: Row) => Named,
): Step {
  return {
    ...read(op, path),
    accepts: (status) => status === 200 || status === 404,
    conclude: (outcome, answer) => {
      if (outcome !== 'acknowledged') return {}
      const value = answer?.status === 200 ? entityOf(answer.body as Row).value : null
      return { reads: [{ entity, value }] }
    },
  }
}

/** A read of everything a user has whose name in the history begins with `within`. */
export function readAll<Body>(
  op: string,
  path: string,
  within: string,
  shownIn: (body: Body) => readonly Named[],
): Step {
  return {
    ...read(op, path),
    conclude: (outcome, answer) => {
      if (outcome !== 'acknowledged') return {}
      const values = shownIn(answer!.body as Body).map(
        ({ entity, value }) => [entity, value] as const,
      )
      return { reads: [{ within, values }] }
    },
  }
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
