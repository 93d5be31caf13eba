import { bucketOf } from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'

export interface FlipOptions {
  readonly epoch?: number
  readonly token?: number
  readonly barrier?: string
  readonly timeoutMs?: number
}

/** Flips the bucket of an owner as an engine does: one autocommit statement that gives up in time. */
export function flipper(pool: Pool, extraction: string, token: number) {
  return async (owner: string, from: string, to: string, options: FlipOptions = {}) => {
    const client = await pool.connect()
    try {
      // Before PostgreSQL looks for deadlocks.
      await client.query(`SET statement_timeout = ${options.timeoutMs ?? 800}`)
      await client.query('SELECT banyan.flip($1, $2, $3, $4, $5, $6, $7)', [
        options.token ?? token,
        extraction,
        [bucketOf(owner)],
        [from],
        to,
        options.epoch ?? null,
        options.barrier ?? null,
      ])
    } finally {
      await client.query('RESET statement_timeout')
      client.release()
    }
  }
}
