import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { Role, SignedIn } from '@banyan/migration'
import type { Pool } from '@banyan/postgres'

/** A working day: who comes back the next morning signs in anew. */
export const SESSION_S = 12 * 3600
export const LINK_S = 15 * 60

type Kind = 'session' | 'link'

/** Who is signed in; in the control database, so that it holds over restarts, and for each engine. */
export class Sessions {
  readonly #pool: Pool
  readonly #tokens: Buffer

  /** @param tokens of the plan: sessions end when these change. */
  constructor(pool: Pool, tokens: readonly string[]) {
    this.#pool = pool
    // Four bytes tell whether they have changed, and are no help in guessing them.
    const fingerprint = createHmac('sha256', tokens.join('\n')).update('banyan console').digest()
    this.#tokens = fingerprint.subarray(0, 4)
  }

  /** @returns the secret of the session, which only the browser keeps. */
  open(who: SignedIn): Promise<string> {
    return this.#insert('session', who, SESSION_S)
  }

  /** @returns the secret of a link, which signs in once within 15 minutes. */
  link(who: SignedIn): Promise<string> {
    return this.#insert('link', who, LINK_S)
  }

  /** Null where there is no such session, or none any more. */
  async find(secret: string): Promise<SignedIn | null> {
    const { rows } = await this.#pool.query<{ name: string; role: Role }>(
      `SELECT name, role FROM banyan_console.session
        WHERE hash = $1 AND kind = 'session' AND tokens = $2 AND expires_at > now()`,
      [hashOf(secret), this.#tokens],
    )
    return rows[0] ?? null
  }

  /** Whom a link signs in, which is then used up; null where it was before. */
  async redeem(secret: string): Promise<SignedIn | null> {
    const { rows } = await this.#pool.query<{ name: string; role: Role; valid: boolean }>(
      `DELETE FROM banyan_console.session WHERE hash = $1 AND kind = 'link'
       RETURNING name, role, tokens = $2 AND expires_at > now() AS valid`,
      [hashOf(secret), this.#tokens],
    )
    const found = rows[0]
    return found?.valid ? { name: found.name, role: found.role } : null
  }

  async close(secret: string): Promise<void> {
    await this.#pool.query('DELETE FROM banyan_console.session WHERE hash = $1', [hashOf(secret)])
  }

  async #insert(kind: Kind, { name, role }: SignedIn, seconds: number): Promise<string> {
    const secret = randomBytes(32).toString('base64url')
    await this.#pool.query(
      `WITH gone AS (DELETE FROM banyan_console.session WHERE expires_at < now())
       INSERT INTO banyan_console.session (hash, kind, name, role, tokens, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))`,
      [hashOf(secret), kind, name, role, this.#tokens, seconds],
    )
    return secret
  }
}

/** Sent back with each request that changes something: another site's page cannot know it. */
export function forgeryTokenOf(secret: string): string {
  return createHash('sha256').update(`forgery ${secret}`).digest('base64url')
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
