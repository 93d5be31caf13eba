import { createHash } from 'node:crypto'
import { BanyanError } from '@banyan/contracts'
import type { PoolClient } from '@banyan/postgres'
import type { FastifyRequest } from 'fastify'
import pg from 'pg'
import { currentScope } from './scope.ts'

/** How long an answer is kept to be given again: the client's retries of a day. */
const KEPT = '24 hours'
/** Printable ASCII, as the IETF draft has it (draft-ietf-httpapi-idempotency-key-header). */
const KEY = /^[\x21-\x7e]{1,255}$/
/** Headers a handler may set that belong to its answer. */
const KEPT_HEADERS = ['location', 'etag'] as const

const KEY_HEADER = 'idempotency-key'
/** Says that an answer is a former one, given again. */
const REPLAYED_HEADER = 'idempotency-replayed'

/** What is asked of a request and its reply here; those of every route, whatever its schema, fit. */
export type Asking = Pick<FastifyRequest, 'method' | 'url' | 'headers' | 'routeOptions'> & {
  readonly body: unknown
}
export interface Answering {
  readonly statusCode: number
  serialize(body: unknown): unknown
  getHeader(name: string): unknown
  header(name: string, value: string): unknown
  status(status: number): unknown
  type(name: string): unknown
  send(body?: unknown): unknown
}

/** An answer as it is kept, byte for byte. */
interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The answers kept in one service's schema. */
export class IdempotencyKeys {
  readonly #find: string
  readonly #keep: string

  constructor(schema: string) {
    const table = `${pg.escapeIdentifier(schema)}.idempotency_keys`
    this.#find = `SELECT fingerprint, status, headers, body FROM ${table}
      WHERE id = $1 AND expires_at > now()`
    // Each that is kept takes up to two that are over with it: the table needs no sweeper.
    this.#keep = `
      WITH over AS (
        DELETE FROM ${table} WHERE id IN (
          SELECT id FROM ${table} WHERE expires_at <= now() AND id <> $1
          ORDER BY expires_at LIMIT 2 FOR UPDATE SKIP LOCKED)
      )
      INSERT INTO ${table} AS kept (id, fingerprint, status, headers, body, expires_at)
      VALUES ($1, $2, $3, $4, $5, now() + interval '${KEPT}')
      ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
        headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at`
  }

  /**
   * Runs `work` in the caller's transaction, unless the request's key was used before: then answers
   * what it was answered. The answer commits with the effect, so that no crash parts them.
   *
   * @param reply with the status the answer is to have
   * @returns what sends the answer; to be called when the transaction has committed
   * @throws BanyanError KEY_IN_FLIGHT while the first request still runs, KEY_REUSED for another
   *   request under the same key
   */
  async once(
    client: PoolClient,
    request: Asking,
    reply: Answering,
    work: () => Promise<unknown>,
  ): Promise<() => unknown> {
    const key = keyOf(request)
    if (key === null) {
      const body = await work()
      return () => reply.send(body)
    }
    const { answer, isFormer } = await this.#recall(client, request, key, async () => {
      const body = reply.serialize(await work()) as string
      const headers: Record<string, string> = {}
      for (const name of KEPT_HEADERS) {
        const value = reply.getHeader(name)
        if (value !== undefined) headers[name] = String(value)
      }
      return { status: reply.statusCode, headers, body }
    })
    return () => {
      if (isFormer) {
        reply.header(REPLAYED_HEADER, 'true')
        for (const [name, value] of Object.entries(answer.headers)) reply.header(name, value)
        reply.status(answer.status)
      }
      return sendJson(reply, answer.body)
    }
  }

  /**
   * The same for what is no answer yet: what `work` resolves to is kept as JSON, and read again for a
   * request of the same key.
   *
   * @throws as `once` does
   */
  async result<R>(client: PoolClient, request: Asking, work: () => Promise<R>): Promise<R> {
    const key = keyOf(request)
    if (key === null) return work()
    const { answer } = await this.#recall(client, request, key, async () => {
      return { status: 200, headers: {}, body: JSON.stringify(await work()) }
    })
    return JSON.parse(answer.body) as R
  }

  /** What is kept for the key, or else what `make` makes, which is kept from now on. */
  async #recall(
    client: PoolClient,
    request: Asking,
    key: string,
    make: () => Promise<KeptAnswer>,
  ): Promise<{ answer: KeptAnswer; isFormer: boolean }> {
    const id = digest([currentScope()?.user?.userId, request.method, request.routeOptions.url, key])
    const fingerprint = digest([request.url, request.body])
    // Kept until the transaction ends; the second request is told, rather than kept waiting.
    const { rows: locks } = await client.query<{ mine: boolean }>(
      'SELECT pg_try_advisory_xact_lock($1) AS mine',
      [id.readBigInt64BE().toString()],
    )
    if (!locks[0]!.mine) throw new BanyanError('KEY_IN_FLIGHT')
    const { rows } = await client.query<KeptAnswer & { fingerprint: Buffer }>(this.#find, [id])
    const kept = rows[0]
    if (kept && !kept.fingerprint.equals(fingerprint)) throw new BanyanError('KEY_REUSED')
    if (kept) return { answer: kept, isFormer: true }
    const { status, headers, body } = await make()
    await client.query(this.#keep, [id, fingerprint, status, headers, body])
    return { answer: { status, headers, body }, isFormer: false }
  }
}

/** Answers with JSON that is written already. */
export function sendJson(reply: Answering, body: string): unknown {
  reply.type('application/json; charset=utf-8')
  return reply.send(body)
}

function keyOf(request: Asking): string | null {
  const given = request.headers[KEY_HEADER]
  if (given === undefined) return null
  if (typeof given === 'string' && KEY.test(given)) return given
  throw new BanyanError('BAD_REQUEST', {
    reason: 'Idempotency-Key must be 1 to 255 printable ASCII characters, sent once.',
  })
}

function digest(parts: readonly unknown[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest()
}
