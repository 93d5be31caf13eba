import type pg from 'pg'
import type { StoredUser, User, UserStore } from './user-store.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Users in the table that `openDatabase` makes. The pool is its caller's to end. */
export function postgresUsers(pool: Pick<pg.Pool, 'query'>): UserStore {
  return {
    async add({ email, passwordHash }) {
      const { rows } = await pool.query<User>(
        `INSERT INTO users (email, password_hash) VALUES ($1, $2)
         ON CONFLICT (email) DO NOTHING RETURNING id, email, roles`,
        [email, passwordHash],
      )
      return rows[0] ?? null
    },
    async byEmail(email) {
      const { rows } = await pool.query<StoredUser>(
        'SELECT id, email, roles, password_hash AS "passwordHash" FROM users WHERE email = $1',
        [email],
      )
      return rows[0] ?? null
    },
    async known(ids) {
      const { rows } = await pool.query<{ id: string }>(
        'SELECT id FROM users WHERE id = ANY ($1::uuid[])',
        // The database would refuse the rest, and all of them with it.
        [ids.filter((id) => UUID.test(id))],
      )
      return rows.map(({ id }) => id)
    },
    async check() {
      await pool.query('SELECT 1')
    },
    async close() {},
  }
}
