import type { Queryable } from '@banyan/postgres'
import { claim, claimSql } from '../claim.ts'
import type { DueSql } from '../lookout.ts'
import type { Tables } from '../tables.ts'
import type { Json, SagaDefinition } from './definition.ts'
import { firstSteps, type Progress, type StepRecord } from './progress.ts'

/** A saga a runner has leased. */
export interface LeasedSaga {
  readonly id: string
  readonly name: string
  readonly token: string
  readonly input: Json
  readonly headers: Readonly<Record<string, string>>
  /** Until its whole time is up, ms; negative when it is. */
  readonly remainingMs: number
  readonly cancelling: boolean
  readonly progress: Progress
}

/** One write of one saga: where it stands, and what becomes of the lease. */
export interface SagaWrite {
  readonly id: string
  readonly token: string
  readonly version: number
  readonly progress: Progress
  /** The step that is stuck, if one is: the subject of its dead letter. */
  readonly step: string | null
  /** null keeps the lease; else it is given back, and the saga is due after so many ms. */
  readonly releaseAfterMs: number | null
}

/** What became of a group of writes; hundreds that went as they should have cost nothing here. */
export interface WrittenSagas {
  /** Those written, where it was not all: the others are another runner's now, and nothing of them was. */
  readonly only: ReadonlySet<string> | null
  /** Those that an operator wants to turn round. */
  readonly cancelling: ReadonlySet<string> | null
}

/** Of a saga that goes on by itself, in SQL. */
const OPEN = `state IN ('running', 'compensating') AND blocked IS NULL`

/** The statements that a runner sends. */
export class SagaStore {
  readonly #tables: Tables
  readonly #claim: string
  readonly #write: string
  readonly #writeAlike: string
  readonly #writeStuck: string
  readonly #renew: string
  readonly #release: string
  readonly #unblock: string
  readonly #prune: string

  constructor(tables: Tables) {
    this.#tables = tables
    const { prefix } = tables
    const saga = `${prefix}saga`
    const begins = `steps = '[]' AND state = 'running' AND NOT cancelling AND deadline > now()`
    this.#claim = claimSql(tables, {
      table: 'saga',
      ready: `${OPEN} AND due_at <= now() AND version <= ($3::jsonb ->> name)::int`,
      order: 'due_at',
      // Whoever had it has not given it back: that attempt has failed, or it ends runner after runner.
      // What has not begun begins with it: a call is registered before it is made.
      set: `attempts = attempts + (leased_until > '-infinity')::int,
        steps = CASE WHEN ${begins} THEN coalesce($4::jsonb ->> name, steps) ELSE steps END,
        version = CASE WHEN ${begins} THEN ($3::jsonb ->> name)::int ELSE version END`,
      returning: `t.id, t.name, t.token, t.input, t.headers, t.steps, t.state, t.attempts, t.error,
        t.reason, t.cancelling, extract(epoch FROM t.deadline - now())::float8 * 1000 AS remaining_ms`,
    })
    const written = (said: WrittenSql, returning: string) => `
      UPDATE ${saga} s
      SET version = greatest(s.version, ${said.version}), state = ${said.state}, steps = n.steps,
          attempts = ${said.attempts}, blocked = ${said.why('blocked')}, error = ${said.why('error')},
          reason = ${said.why('reason')}, updated_at = now(),
          leased_until = CASE WHEN ${said.releaseMs} IS NULL THEN s.leased_until ELSE '-infinity' END,
          due_at = CASE WHEN ${said.releaseMs} IS NULL THEN s.due_at
                        ELSE now() + ${said.releaseMs} * interval '1 ms' END,
          ended_at = CASE WHEN ${said.state} IN ('completed', 'compensated') THEN now() END
      FROM (
        SELECT unnest(${hidden('$1::uuid[]')}) AS id, unnest(${hidden('$2::bigint[]')}) AS token,
          unnest(string_to_array(${hidden('$3')}, '${BETWEEN}')) AS steps${said.more}
      ) AS n
      WHERE s.id = n.id AND s.token = n.token
      RETURNING ${returning}`
    // Of hundreds of rows that say the same each one costs to be sent and read: only what is special is.
    const told = `
      SELECT array_agg(id) FILTER (WHERE cancelling) AS cancelling,
        CASE WHEN count(*) < cardinality($1::uuid[])
          THEN coalesce(array_agg(id), '{}') END AS some
      FROM written`
    this.#write = `WITH written AS (${written(EACH, 's.id, s.cancelling')}) ${told}`
    this.#writeAlike = `WITH written AS (${written(ALIKE, 's.id, s.cancelling')}) ${told}`
    this.#writeStuck = `
      WITH written AS (${written(EACH, 's.*, n.why')}), dead AS (
        INSERT INTO ${prefix}dead_letter (kind, source, subject, key, body, error, attempts)
        SELECT 'saga', name, why::json ->> 'step', id::text,
          json_build_object('input', input, 'steps', steps::json, 'reason', reason), error, attempts
        FROM written WHERE state = 'stuck'
      ) ${told}`
    // What a transaction of ours is writing now is skipped: to wait for it could end in a deadlock.
    this.#renew = `
      UPDATE ${saga} s SET leased_until = clock_timestamp() + $3 * interval '1 ms'
      FROM (
        SELECT ctid AS place FROM ${saga}
        WHERE (id, token) IN (SELECT * FROM unnest($1::uuid[], $2::bigint[]))
          AND leased_until > clock_timestamp()
        FOR UPDATE SKIP LOCKED
      ) held
      WHERE s.ctid = held.place`
    this.#release = `
      UPDATE ${saga} SET due_at = now(), leased_until = '-infinity'
      WHERE id = $1 AND token = $2 AND leased_until > '-infinity'`
    this.#unblock = `
      UPDATE ${saga}
      SET blocked = NULL, due_at = now(), deadline = deadline + (now() - updated_at)
      WHERE blocked IS NOT NULL AND version <= ($1::jsonb ->> name)::int`
    this.#prune = `
      DELETE FROM ${saga} WHERE id IN (
        SELECT id FROM ${saga} WHERE ended_at < now() - $1 * interval '1 ms' LIMIT 10000)`
  }

  /** Until there is one to lease: 0, or else when the next one becomes due of those that wait for a second attempt. */
  due(definitions: readonly SagaDefinition[]): DueSql {
    const { prefix } = this.#tables
    return (value) => {
      const known = `${OPEN} AND version <= (${value(versionsOf(definitions))}::jsonb ->> name)::int`
      return `CASE WHEN EXISTS (
          SELECT FROM ${prefix}saga
          WHERE ${known} AND due_at <= now() AND leased_until <= clock_timestamp()
        ) THEN 0 ELSE (
          SELECT extract(epoch FROM due_at - now()) * 1000 FROM ${prefix}saga
          WHERE ${known} AND due_at > now() ORDER BY due_at LIMIT 1
        ) END`
    }
  }

  /** Leases due sagas of these definitions; one whose lease ran out has used up an attempt. */
  async claim(
    definitions: readonly SagaDefinition[],
    limit: number,
    leaseMs: number,
  ): Promise<LeasedSaga[]> {
    const versions = versionsOf(definitions)
    const firsts = JSON.stringify(
      Object.fromEntries(definitions.map((each) => [each.name, JSON.stringify(firstSteps(each))])),
    )
    const more = [versions, firsts]
    const taken = await claim<SagaRow>(this.#tables.pool, this.#claim, limit, leaseMs, more)
    return (taken?.rows ?? []).map((row) => ({
      id: row.id,
      name: row.name,
      token: row.token,
      input: row.input,
      headers: row.headers,
      remainingMs: row.remaining_ms,
      cancelling: row.cancelling,
      progress: {
        state: row.state,
        blocked: null,
        steps: JSON.parse(row.steps) as StepRecord[],
        attempts: row.attempts,
        error: row.error,
        reason: row.reason,
      },
    }))
  }

  /**
   * Writes many sagas in one statement. The same writes may be sent again when the answer was lost.
   */
  async write(db: Queryable, writes: readonly SagaWrite[]): Promise<WrittenSagas> {
    const ids = arrayOf(writes.map((write) => write.id))
    const tokens = arrayOf(writes.map((write) => write.token))
    // In an array each text would be escaped by the driver, which costs more than all the rest.
    const steps = writes.map((write) => JSON.stringify(write.progress.steps)).join(BETWEEN)
    const { rows } = alike(writes)
      ? await db.query<WrittenRow>(this.#writeAlike, [ids, tokens, steps, ...saidOf(writes[0]!)])
      : await db.query<WrittenRow>(writes.some(isStuck) ? this.#writeStuck : this.#write, [
          ids,
          tokens,
          steps,
          arrayOf(writes.map((write) => write.version)),
          arrayOf(writes.map((write) => write.progress.state)),
          arrayOf(writes.map((write) => write.progress.attempts)),
          arrayOf(writes.map((write) => write.releaseAfterMs ?? 'NULL')),
          writes.map((write) => JSON.stringify(whyOf(write))).join(BETWEEN),
        ])
    const { cancelling, some } = rows[0]!
    return { only: some && new Set(some), cancelling: cancelling && new Set(cancelling) }
  }

  /** Puts off the end of leases. */
  async renew(held: readonly { id: string; token: string }[], leaseMs: number): Promise<void> {
    const ids = held.map((saga) => saga.id)
    const tokens = held.map((saga) => saga.token)
    await this.#tables.pool.query(this.#renew, [ids, tokens, leaseMs])
  }

  /** Gives back a lease, whatever was or was not written before. */
  async release(saga: { id: string; token: string }): Promise<void> {
    await this.#tables.pool.query(this.#release, [saga.id, saga.token])
  }

  /** After a deploy: what was blocked may be known now. The time it was blocked does not count. */
  async unblock(definitions: readonly SagaDefinition[]): Promise<number> {
    const { rowCount } = await this.#tables.pool.query(this.#unblock, [versionsOf(definitions)])
    return rowCount ?? 0
  }

  /** Deletes sagas that ended longer ago, ms; at most 10,000. */
  async prune(keptMs: number): Promise<number> {
    const { rowCount } = await this.#tables.pool.query(this.#prune, [keptMs])
    return rowCount ?? 0
  }
}

interface SagaRow {
  id: string
  name: string
  token: string
  input: Json
  headers: Record<string, string>
  steps: string
  state: Progress['state']
  attempts: number
  error: string | null
  reason: string | null
  cancelling: boolean
  remaining_ms: number
}

/** An array as PostgreSQL reads it, of what needs no quotes. */
function arrayOf(values: readonly (string | number)[]): string {
  return `{${values.join()}}`
}

/**
 * A parameter whose length the planner does not see: it takes it for ten rows and looks each up by its key. Seeing
 * hundreds it would read a table of some thousand sagas whole, for each write.
 */
function hidden(parameter: string): string {
  return `(SELECT ${parameter})`
}

/** Stands in no JSON text: there a control character is escaped. */
const BETWEEN = '\u001e'

/** Where an UPDATE finds what is said of a saga beside its steps, in SQL. */
interface WrittenSql {
  readonly version: string
  readonly state: string
  readonly attempts: string
  readonly releaseMs: string
  why(column: string): string
  /** Columns of `n`. */
  readonly more: string
}

/** Of each what is its own. */
const EACH: WrittenSql = {
  version: 'n.version',
  state: 'n.state',
  attempts: 'n.attempts',
  releaseMs: 'n.release_ms',
  why: (column) => `n.why::json ->> '${column}'`,
  more: `, unnest(${hidden('$4::int[]')}) AS version, unnest(${hidden('$5::text[]')}) AS state,
          unnest(${hidden('$6::int[]')}) AS attempts, unnest(${hidden('$7::float8[]')}) AS release_ms,
          unnest(string_to_array(${hidden('$8')}, '${BETWEEN}')) AS why`,
}

/** The same of all, as it is said of nearly all: a tenth less for each row. */
const ALIKE: WrittenSql = {
  version: '$4::int',
  state: '$5::text',
  attempts: '$6::int',
  releaseMs: '$7::float8',
  why: () => 'NULL',
  more: '',
}

function saidOf({ version, progress, releaseAfterMs }: SagaWrite) {
  return [version, progress.state, progress.attempts, releaseAfterMs]
}

/** Whether the same is said of all of them, and nothing went wrong with any. */
function alike(writes: readonly SagaWrite[]): boolean {
  const { version, progress, releaseAfterMs } = writes[0]!
  return writes.every(
    (write) =>
      write.version === version &&
      write.releaseAfterMs === releaseAfterMs &&
      write.progress.state === progress.state &&
      write.progress.attempts === progress.attempts &&
      !hasWhy(write),
  )
}

function isStuck({ progress }: SagaWrite): boolean {
  return progress.state === 'stuck'
}

function hasWhy({ progress }: SagaWrite): boolean {
  return progress.blocked !== null || progress.error !== null || progress.reason !== null
}

/** Why it does not go on as it should; what is null is left out. */
function whyOf({ progress, step }: SagaWrite) {
  const { blocked, error, reason, state } = progress
  return {
    blocked: blocked ?? undefined,
    error: error ?? undefined,
    reason: reason ?? undefined,
    step: state === 'stuck' ? step : undefined,
  }
}

interface WrittenRow {
  readonly cancelling: readonly string[] | null
  /** Those that were written, where it was not all of them. */
  readonly some: readonly string[] | null
}

function versionsOf(definitions: readonly SagaDefinition[]): string {
  return JSON.stringify(Object.fromEntries(definitions.map(({ name, version }) => [name, version])))
}
