import { BanyanError } from '@banyan/contracts'
import { DeadLetters, durableSchemas, SagaAdmin, type Tables } from '@banyan/durable'
import { createPool, type Pool } from '@banyan/postgres'
import type { Ledger } from './ledger.ts'
import type { ResolvedExtraction } from './plan.ts'
import type { RedriveRequest } from './requests.ts'
import type { DurableTrouble } from './status.ts'

/** A statement that takes longer, ms, is given up: it would stand in the way of the service. */
const STATEMENT_TIMEOUT_MS = 5_000
const MOST = 100

/** What the service of an extraction has given up: its dead letters, and sagas that do not go on. */
export async function readTrouble(plan: ResolvedExtraction): Promise<DurableTrouble> {
  if (plan.kind !== 'tables') {
    return { unknown: 'The plan names no database of its service.', letters: [], sagas: [] }
  }
  try {
    return await withDatabase(plan.service.databaseUrl, async (pool) => {
      const stores = (await durableSchemas(pool)).map((schema) => tablesOf(pool, schema))
      const all = await Promise.all(stores.map(troubleOf))
      return {
        unknown: null,
        letters: all.flatMap(({ letters }) => letters),
        sagas: all.flatMap(({ sagas }) => sagas),
      }
    })
  } catch (error) {
    const { message, code } = error as Error & { code?: string }
    const unknown = `Its service’s database does not answer: ${message || code}`
    return { unknown, letters: [], sagas: [] }
  }
}

/**
 * Has a dead letter run again, or a saga go on; the ledger keeps who wanted it before it is done.
 *
 * @throws NO_SUCH_DEAD_LETTER, NO_SUCH_SAGA, WRONG_SAGA_STATE, BAD_REQUEST
 */
export async function redrive(
  plan: ResolvedExtraction,
  ledger: Ledger,
  { what, schema, id, by = 'unknown', why }: RedriveRequest,
): Promise<void> {
  if (plan.kind !== 'tables') {
    throw new BanyanError('BAD_REQUEST', { reason: 'the plan names no database of its service' })
  }
  await withDatabase(plan.service.databaseUrl, async (pool) => {
    const schemas = await durableSchemas(pool)
    if (!schemas.includes(schema)) {
      const reason = `schema is "${schema}"; allowed: ${schemas.join(', ') || 'none, there are no durable tables'}`
      throw new BanyanError('BAD_REQUEST', { reason })
    }
    const detail = { by, what, schema, id, ...(why === undefined ? {} : { why }) }
    await ledger.append(plan.name, null, [{ kind: 'decision', what: 'redrive', detail }])
    const tables = tablesOf(pool, schema)
    if (what === 'saga') await new SagaAdmin(tables).redrive(id)
    else await new DeadLetters(tables).redrive(id)
  })
}

async function troubleOf(tables: Tables): Promise<Pick<DurableTrouble, 'letters' | 'sagas'>> {
  const { schema } = tables
  const admin = new SagaAdmin(tables)
  const [letters, stuck, blocked] = [
    await new DeadLetters(tables).list({ limit: MOST }),
    await admin.list({ state: 'stuck', limit: MOST }),
    await admin.list({ state: 'blocked', limit: MOST }),
  ]
  return {
    letters: letters.map(({ id, kind, source, subject, key, error, attempts, diedAt }) => {
      return {
        schema,
        id,
        kind,
        source,
        subject,
        key,
        error,
        attempts,
        diedAt: diedAt.toISOString(),
      }
    }),
    sagas: [...stuck, ...blocked].map(({ id, name, state, step, reason, attempts, updatedAt }) => {
      return { schema, id, name, state, step, reason, attempts, updatedAt: updatedAt.toISOString() }
    }),
  }
}

function tablesOf(pool: Pool, schema: string): Tables {
  return { pool, schema, prefix: `"${schema}".` }
}

async function withDatabase<T>(url: string, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool(url, {
    name: 'banyan console',
    max: 1,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  })
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}
