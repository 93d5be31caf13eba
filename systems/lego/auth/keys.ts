import { exportJWK, generateKeyPair, type JWK } from 'jose'
import type pg from 'pg'
import { locked } from './database.ts'
import type { Settings } from './settings.ts'

type Algorithm = Settings['ALGORITHM']

/** Members of a private JWK that must never be published (RFC 7518, 6.2.2 and 6.3.2). */
const PRIVATE_MEMBERS = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])

/** The private key that signs now; `null` before the service has started once. */
export async function currentKey(db: Pick<pg.Pool, 'query'>): Promise<JWK | null> {
  const { rows } = await db.query<{ private_jwk: JWK }>(
    'SELECT private_jwk FROM signing_keys WHERE retired_at IS NULL',
  )
  return rows[0]?.private_jwk ?? null
}

/** The current key, made when there is none yet or when it is of another algorithm. */
export async function ensureKey(pool: pg.Pool, algorithm: Algorithm): Promise<JWK> {
  return locked(pool, async (client) => {
    const current = await currentKey(client)
    return current?.alg === algorithm ? current : replaceKey(client, algorithm)
  })
}

/** Retires the current key and makes a new one; tokens of the old one stay valid until they expire. */
export async function rotateKey(pool: pg.Pool, algorithm: Algorithm): Promise<JWK> {
  return locked(pool, (client) => replaceKey(client, algorithm))
}

/** Public halves of the current key and of those whose tokens may still be out. */
export async function publicKeys(pool: pg.Pool, lifetimeS: number): Promise<{ keys: JWK[] }> {
  const { rows } = await pool.query<{ private_jwk: JWK }>(
    `SELECT private_jwk FROM signing_keys
      WHERE retired_at IS NULL OR retired_at > now() - make_interval(secs => $1)
      ORDER BY created_at DESC`,
    [lifetimeS],
  )
  return { keys: rows.map((row) => publicHalf(row.private_jwk)) }
}

async function replaceKey(client: pg.PoolClient, algorithm: Algorithm): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const kid = crypto.randomUUID()
  const jwk: JWK = { ...(await exportJWK(privateKey)), kid, alg: algorithm, use: 'sig' }
  await client.query('UPDATE signing_keys SET retired_at = now() WHERE retired_at IS NULL')
  await client.query('INSERT INTO signing_keys (kid, algorithm, private_jwk) VALUES ($1, $2, $3)', [
    kid,
    algorithm,
    JSON.stringify(jwk),
  ])
  return jwk
}

function publicHalf(jwk: JWK): JWK {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !PRIVATE_MEMBERS.has(name)))
}
