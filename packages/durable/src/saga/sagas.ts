import { BanyanError } from '@banyan/contracts'
import type { Queryable } from '@banyan/postgres'
import { messageId } from '../messages.ts'
import { storable } from '../storable.ts'
import type { Tables } from '../tables.ts'
import { wakeSql } from '../waker.ts'
import type { SagaDefinition } from './definition.ts'

export interface StartOptions {
  /** A saga of this definition that was started with the same key is answered instead of a second one. */
  readonly key?: string
  /** Given to every step: correlation id, traceparent. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Started {
  readonly id: string
  /** `false`: there was one with this key. */
  readonly started: boolean
}

/** Starts sagas, in the caller's transaction. */
export class Sagas {
  readonly #insert: string
  readonly #find: string

  constructor(tables: Tables) {
    const saga = `${tables.prefix}saga`
    this.#insert = `
      WITH started AS (
        INSERT INTO ${saga} (id, name, version, key, input, headers, deadline)
        SELECT id, $2, $3, key, input, headers, now() + $4 * interval '1 ms'
        FROM unnest($1::uuid[], $5::text[], $6::jsonb[], $7::jsonb[]) AS new (id, key, input, headers)
        ON CONFLICT (name, key) WHERE key IS NOT NULL DO NOTHING
        RETURNING id
      ), woken AS (${wakeSql(tables, 'saga')} AND EXISTS (SELECT FROM started))
      SELECT id FROM started, (SELECT count(*) FROM woken) AS told`
    this.#find = `SELECT id, key FROM ${saga} WHERE name = $1 AND key = ANY ($2::text[])`
  }

  /**
   * Starts a saga when the transaction commits.
   *
   * @throws BAD_SAGA_INPUT when the input does not fit the definition.
   */
  async start<Input>(
    tx: Queryable,
    definition: SagaDefinition<Input>,
    input: Input,
    options: StartOptions = {},
  ): Promise<Started> {
    const [started] = await this.startMany(tx, definition, [{ input, ...options }])
    return started!
  }

  /** Starts many in one statement; answers in the order given. */
  async startMany<Input>(
    tx: Queryable,
    definition: SagaDefinition<Input>,
    wanted: readonly ({ readonly input: Input } & StartOptions)[],
  ): Promise<Started[]> {
    const ids = wanted.map(() => messageId())
    const { rows } = await tx.query<{ id: string }>(this.#insert, [
      ids,
      definition.name,
      definition.version,
      definition.timeoutMs,
      wanted.map(({ key }) => key ?? null),
      wanted.map(({ input }) => inputText(definition, input)),
      wanted.map(({ headers }) => JSON.stringify(headers ?? {})),
    ])
    const started = new Set(rows.map((row) => row.id))
    if (started.size === wanted.length) return ids.map((id) => ({ id, started: true }))
    // Not in the same statement: it would not see a row that it waited for.
    const keys = wanted.map(({ key }) => key)
    const found = await tx.query<{ id: string; key: string }>(this.#find, [definition.name, keys])
    const byKey = new Map(found.rows.map((row) => [row.key, row.id]))
    return ids.map((id, i) =>
      started.has(id) ? { id, started: true } : { id: byKey.get(keys[i]!)!, started: false },
    )
  }
}

/** The input is kept as it was given; each run reads it with the schema of its own version. */
function inputText<Input>(definition: SagaDefinition<Input>, input: Input): string {
  const refuse = (reason: string) => {
    throw new BanyanError('BAD_SAGA_INPUT', { saga: definition.name, reason })
  }
  const read = definition.input.safeParse(input)
  if (!read.success)
    refuse(read.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '))
  try {
    return storable('The input', input)
  } catch (error) {
    return refuse((error as Error).message) as never
  }
}
