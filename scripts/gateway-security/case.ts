import type { Tokens } from './tokens.ts'

/** The monolith has everything but /api/things, which the service serves as /v1/things. */
export type Side = 'monolith' | 'service'

/** What a client does next: sends bytes (latin1), waits for a condition, or leaves without a word. */
export type Step =
  | string
  | { readonly wait: 'upstream has the head' | 'upstream has begun' | 'answered' }
  | { readonly leave: true }

/** What the upstream answers instead of an echo of the request line. */
export interface Reply {
  readonly bytes: string
  /** Then it closes the connection. */
  readonly close?: true
  /** Without waiting for the request's body. */
  readonly early?: true
}

/** A request as the upstream must have got it. */
export interface Expected {
  readonly to?: Side
  readonly method?: string
  readonly target: string | RegExp
  readonly body?: string
  /**
   * By name in lower case: the one value that must be there, a pattern for it, or null for none. With null,
   * no spelling that a framework may read as the same name (`_` for `-`) may be there either.
   */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>
}

export type Verdict =
  /** No upstream got anything of it; the client got one of these statuses, 0 standing for a closed connection. */
  | { readonly is: 'refused'; readonly statuses: readonly number[] }
  /** Exactly these requests reached the upstreams, whole. */
  | { readonly is: 'forwarded'; readonly requests: readonly Expected[] }
  /** What reached an upstream was cut off with its connection, so that it cannot pass for a whole request. */
  | { readonly is: 'cut off' }
  /** About the answer, not the request: what the client must have got. */
  | {
      readonly is: 'answered'
      readonly status: number
      readonly body?: string
      readonly headers?: Readonly<Record<string, string | null>>
    }
  /** The answer broke off: the client cannot take it for whole. */
  | { readonly is: 'answer cut off' }

/** One attack. `{token}` in what is sent stands for a token. */
export interface Case {
  /** What is odd about the request, or about the answer. */
  readonly name: string
  /** Why the verdict is right: a section of a standard, and what it says. */
  readonly rule: string
  readonly send: string | readonly Step[]
  readonly reply?: Reply
  readonly expect: Verdict
  /** What the rule leaves open besides, and is as safe: good from others. */
  readonly also?: readonly Verdict[]
  /** Answers the client waits for; 1 by default. */
  readonly answers?: number
  /** The answer is one to HEAD. */
  readonly head?: true
  /** Short time limits, so that the gateway gives up while one looks on. */
  readonly impatient?: true
  /** Another token than one that is good; only our gateway is asked about those. */
  readonly token?: (tokens: Tokens) => string
}

export interface Area {
  readonly name: string
  readonly cases: readonly Case[]
}

export const refused = (...statuses: number[]): Verdict => ({ is: 'refused', statuses })

/** To the monolith, GET, when nothing else is said. */
export const forwarded = (...requests: Expected[]): Verdict => ({ is: 'forwarded', requests })

export const cutOff: Verdict = { is: 'cut off' }
export const answerCutOff: Verdict = { is: 'answer cut off' }

export const answered = (
  status: number,
  more: { body?: string; headers?: Readonly<Record<string, string | null>> } = {},
): Verdict => ({ is: 'answered', status, ...more })

/** The head of a request, with its empty line. */
export function head(requestLine: string, ...headers: string[]): string {
  return [requestLine, 'Host: shop.example', ...headers, '', ''].join('\r\n')
}

export const get = (target: string, ...headers: string[]) =>
  head(`GET ${target} HTTP/1.1`, ...headers)

export const post = (...headers: string[]) => head('POST /orders HTTP/1.1', ...headers)

/** To the moved route, by a caller the gateway knows. */
export const asAnn = (target: string, ...headers: string[]) =>
  get(target, 'Authorization: Bearer {token}', ...headers)

/** What a smuggler hides behind another request. */
export const HIDDEN = get('/hidden')
