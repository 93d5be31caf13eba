import { lockSchema, type Pool, type PoolClient, transaction } from '@banyan/postgres'
import { guardTable, installSide, type ResolvedTable, type SideName } from '@banyan/replication'

/**
 * Creating and dropping a trigger waits for the table's writers and makes new ones wait behind it:
 * rather try for a moment, let the application go on, and try again.
 */
const LOCK_TIMEOUT_MS = 500
const LOCK_ATTEMPTS = 60

/** Puts the schema `banyan`, the ownership rows and the guards on one side; safe to run again. */
export async function installExtraction(
  pool: Pool,
  side: SideName,
  extraction: string,
  tables: readonly ResolvedTable[],
): Promise<void> {
  await installSide(pool)
  await pool.query('SELECT banyan.register($1, $2)', [extraction, side])
  for (const table of tables) {
    await withShortLock(pool, (client) => guardTable(client, extraction, table, side))
  }
}

/** Takes everything of an extraction off one side; the schema too when it was the last. */
export async function uninstallExtraction(pool: Pool, extraction: string): Promise<void> {
  await withShortLock(pool, async (client) => {
    // One at a time: of two that end at once each would still see the other, and the schema would stay.
    await lockSchema(client, 'banyan')
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regnamespace('banyan') IS NOT NULL AS there`,
    )
    if (!rows[0]!.there) return
    // Nor may another begin between the count of who is left and the drop: it begins with its token.
    await client.query('LOCK TABLE banyan.token IN SHARE ROW EXCLUSIVE MODE')
    const answer = await client.query<{ left: number }>('SELECT banyan.unregister($1) AS left', [
      extraction,
    ])
    if (answer.rows[0]!.left > 0) return
    await client.query('DROP SCHEMA banyan CASCADE')
    await dropOrphans(client)
  })
}

/** Staging tables of sessions that a crash of the server ended: they are dropped by nobody, at best by autovacuum. */
async function dropOrphans(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class
      WHERE relpersistence = 't' AND relkind = 'r' AND relname ~ '^banyan_stage_'`,
  )
  for (const { name } of rows) await client.query(`DROP TABLE IF EXISTS ${name}`)
}

async function withShortLock(
  pool: Pool,
  work: (client: PoolClient) => Promise<unknown>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await transaction(pool, async (client) => {
        await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`)
        await work(client)
      })
      return
    } catch (error) {
      const LOCK_NOT_AVAILABLE = '55P03'
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE || attempt === LOCK_ATTEMPTS) {
        throw error
      }
    }
  }
}
