import { createPool, type Queryable, transaction } from '@banyan/postgres'
import { defineTables, findTables } from './definition.ts'
import type { Statement } from './manifest.ts'

export interface TableScript {
  /** Makes the tables, empty, in a database that has none of them. */
  readonly sql: string
  /** In words, what was left out: what speaks of tables or roles that are not there, and what acts by itself. */
  readonly leftOut: readonly string[]
  /** Types that have to be there first. */
  readonly requires: readonly string[]
}

/** What runs by itself, or depends on who is there: whoever writes the service decides about it. */
const NOT_TAKEN = /^(trigger|rule|policy|row security) /

/**
 * SQL that makes the same tables elsewhere, without rows: columns, types, keys, checks, indexes, and the references
 * among them.
 *
 * @throws BanyanError ARCHIVE_REFUSED for a table that inherits; what the database answers
 */
export async function scriptTables(
  databaseUrl: string,
  names: readonly string[],
): Promise<TableScript> {
  const pool = createPool(databaseUrl, { name: 'banyan/script', max: 1 })
  try {
    return await transaction(pool, (client) => script(client, names), 'BEGIN READ ONLY')
  } finally {
    await pool.end()
  }
}

async function script(db: Queryable, names: readonly string[]): Promise<TableScript> {
  const { tables } = await findTables(db, names)
  const { statements, requires } = await defineTables(db, 'the copy', tables, false)
  // Every database has this one schema.
  const needed = statements.filter(({ what }) => what !== 'schema public')
  const taken = needed.filter(({ what, needs }) => !needs && !NOT_TAKEN.test(what))
  const leftOut = needed.filter((one) => !taken.includes(one))
  return {
    sql: taken.map((one) => `${sqlOf(one)};\n`).join('\n'),
    leftOut: leftOut.map(({ what, needs }) =>
      needs
        ? `${what} (needs ${needs.map(({ kind, name }) => `${kind} ${name}`).join(', ')})`
        : what,
    ),
    requires: requires.map(({ name }) => name),
  }
}

function sqlOf({ sql, unless }: Statement): string {
  if (unless?.kind === 'schema') return sql.replace('CREATE SCHEMA', 'CREATE SCHEMA IF NOT EXISTS')
  return sql.replace(/^CREATE EXTENSION /, 'CREATE EXTENSION IF NOT EXISTS ')
}
