import { BanyanError, type ErrorCode, PROBLEM_TYPE } from '@banyan/contracts'

/** What `banyan.lua` answers, by the name it calls it; `{name}` in a body is filled there. */
export function luaProblems(): Readonly<Record<string, { status: number; body: string }>> {
  const plain = [
    ...(['HELD_TOO_LONG', 'HOLD_QUEUE_FULL', 'LEASE_LOST'] as const),
    ...(['BAD_TARGET', 'BAD_REQUEST', 'NOT_FOUND'] as const),
  ] as const
  const problems = plain.map((code) => [code, problem(code, {}, statusOf(code))] as const)
  const noKeys = problem(
    'UPSTREAM_UNREACHABLE',
    { upstream: 'key set', reason: 'a key is not known yet' },
    503,
  )
  return { ...Object.fromEntries(problems), UPSTREAM_AWAY_KEYS: noKeys }
}

/** What HAProxy answers by itself, as files of a whole answer each. */
export function errorFiles(timeoutMs: number): Readonly<Record<string, string>> {
  const upstream = 'The side it belongs to'
  const reason = (text: string) => ({ reason: text })
  const answers: readonly [number, ErrorCode, Record<string, unknown>][] = [
    [400, 'BAD_REQUEST', reason('It is not well-formed, or it names two of what there is one of.')],
    [405, 'BAD_REQUEST', reason('TRACE is not answered.')],
    [408, 'BODY_TOO_SLOW', { windowMs: 10_000 }],
    [502, 'UPSTREAM_UNREACHABLE', { upstream, reason: 'the connection broke' }],
    // It was not sent, but for HAProxy that is the same answer as a connection that was lost in a queue.
    [503, 'UPSTREAM_UNREACHABLE', { upstream, reason: 'no connection' }],
    [504, 'UPSTREAM_TIMEOUT', { upstream, timeoutMs }],
  ]
  return Object.fromEntries(
    answers.map(([status, code, values]) => {
      const { body } = problem(code, values, status)
      return [String(status), body]
    }),
  )
}

/** A whole answer, as HAProxy's `errorfile` wants it. */
export function wholeAnswer(status: number, body: string): string {
  const retry = status === 503 ? 'retry-after: 1\r\n' : ''
  const head = `HTTP/1.0 ${status} ${status}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncache-control: no-store\r\n${retry}`
  return `${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}

/** While a table changed under a request that had just been placed. */
export function tornProblem(): string {
  return problem('HELD_TOO_LONG', { heldMs: 0, budgetMs: 0 }, 503).body
}

function statusOf(code: ErrorCode): number {
  return new BanyanError(code).status
}

function problem(code: ErrorCode, values: Record<string, unknown>, status: number) {
  return { status, body: JSON.stringify({ ...new BanyanError(code, values).toProblem(), status }) }
}
