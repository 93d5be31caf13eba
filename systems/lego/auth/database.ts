import pg from 'pg'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL CHECK (email = lower(email)),
  password_hash text NOT NULL,
  roles text[] NOT NULL DEFAULT '{user}',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT users_email_unique UNIQUE (email)
);
CREATE TABLE IF NOT EXISTS signing_keys (
  kid text PRIMARY KEY,
  algorithm text NOT NULL CHECK (algorithm IN ('ES256', 'RS256')),
  private_jwk jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS signing_keys_one_current ON signing_keys ((true))
  WHERE retired_at IS NULL;
`

/** Any number, the same in every process of this service: only one of them makes tables and keys at a time. */
const SETUP_LOCK = 7_220_001

/** Opens the pool and makes the tables that are missing. */
export async function openDatabase(url: string): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 5_000 })
  // A server restart ends idle connections; without a listener that would end this process too.
  pool.on('error', () => {})
  // The same for one that dies while a transaction holds it, between two statements.
  pool.on('connect', (client) => client.on('error', () => {}))
  try {
    await locked(pool, (client) => client.query(SCHEMA))
  } catch (error) {
    await pool.end()
    throw error
  }
  return pool
}

/** Runs `work` in a transaction that no other process of this service runs at the same time. */
export async function locked<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [SETUP_LOCK])
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: Error) => {
      broken = cause
    })
    throw error
  } finally {
    client.release(broken)
  }
}
