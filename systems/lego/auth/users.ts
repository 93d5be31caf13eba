import type pg from 'pg'
import { hashPassword, passwordMatches } from './passwords.ts'

export interface User {
  readonly id: string
  readonly email: string
  readonly roles: readonly string[]
}

interface UserRow extends User {
  readonly password_hash: string
}

/** Adds a user; answers null when the address is taken. */
export async function addUser(
  pool: pg.Pool,
  email: string,
  password: string,
): Promise<User | null> {
  const { rows } = await pool.query<User>(
    `INSERT INTO users (email, password_hash) VALUES (lower($1), $2)
     ON CONFLICT (email) DO NOTHING RETURNING id, email, roles`,
    [email, await hashPassword(password)],
  )
  return rows[0] ?? null
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Those of the ids that are a user's. */
export async function knownUsers(pool: pg.Pool, ids: readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    'SELECT id FROM users WHERE id = ANY ($1::uuid[])',
    // The database would refuse the rest, and all of them with it.
    [ids.filter((id) => UUID.test(id))],
  )
  return rows.map(({ id }) => id)
}

let decoy: Promise<string> | undefined

/** The user whose address and password these are, or null. */
export async function findUser(
  pool: pg.Pool,
  email: string,
  password: string,
): Promise<User | null> {
  const { rows } = await pool.query<UserRow>(
    'SELECT id, email, roles, password_hash FROM users WHERE email = lower($1)',
    [email],
  )
  const row = rows[0]
  // An unknown address costs as much time as a known one, so that the answer's time tells nothing.
  decoy ??= hashPassword('decoy')
  const matches = await passwordMatches(password, row?.password_hash ?? (await decoy))
  return row && matches ? { id: row.id, email: row.email, roles: row.roles } : null
}
