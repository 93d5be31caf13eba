import type { FastifyReply, FastifyRequest } from 'fastify'
import { currentScope } from './scope.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    cache?: {
      /** A read may be answered with a former answer this old, ms, while the database is away. */
      readonly staleIfErrorMs: number
    }
  }
}

/** All answers together, in characters. */
const MOST_KEPT = 16 * 1024 * 1024
/** A larger answer is not kept. */
const LARGEST = 256 * 1024

interface FormerAnswer {
  readonly body: string
  readonly type: string
  readonly at: number
}

/** Former answers of reads, for when the database is away; each user's own, the oldest go first. */
export class StaleAnswers {
  readonly #service: string
  readonly #answers = new Map<string, FormerAnswer>()
  #kept = 0

  constructor(service: string) {
    this.#service = service
  }

  /** Keeps an answer if its route allows that. */
  keep(request: FastifyRequest, reply: FastifyReply, body: unknown): void {
    if (!request.routeOptions.config?.cache || request.method !== 'GET') return
    if (reply.statusCode !== 200 || typeof body !== 'string' || body.length > LARGEST) return
    const key = keyOf(request)
    this.#forget(key)
    const type = String(reply.getHeader('content-type') ?? 'application/json; charset=utf-8')
    this.#answers.set(key, { body, type, at: performance.now() })
    this.#kept += key.length + body.length
    for (const oldest of this.#answers.keys()) {
      if (this.#kept <= MOST_KEPT) break
      this.#forget(oldest)
    }
  }

  /** Answers with what was answered before, if the route allows it and it is young enough. */
  answer(request: FastifyRequest, reply: FastifyReply): FastifyReply | null {
    const allowed = request.routeOptions.config?.cache
    if (!allowed || request.method !== 'GET') return null
    const former = this.#answers.get(keyOf(request))
    if (!former) return null
    const ageMs = performance.now() - former.at
    if (ageMs > allowed.staleIfErrorMs) return null
    const age = Math.floor(ageMs / 1000)
    return (
      reply
        .status(200)
        .header('age', String(age))
        // RFC 9211; a negative ttl says how long it has been stale.
        .header('cache-status', `${this.#service}; hit; ttl=-${age}; detail=stale-if-error`)
        .type(former.type)
        .send(former.body)
    )
  }

  #forget(key: string): void {
    const former = this.#answers.get(key)
    if (!former) return
    this.#answers.delete(key)
    this.#kept -= key.length + former.body.length
  }
}

function keyOf(request: FastifyRequest): string {
  return JSON.stringify([currentScope()?.user?.userId ?? null, request.url])
}
