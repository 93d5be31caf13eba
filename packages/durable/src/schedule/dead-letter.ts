import type { Queryable } from '@banyan/postgres'
import type { DeadLetter } from '../dead-letters.ts'
import type { Tables } from '../tables.ts'
import { wakeSql } from '../waker.ts'

/**
 * The job is due at once, with all its attempts before it. Where another one waits with its key, that
 * one is what is wanted now: it only becomes due at once.
 */
export async function redriveJob(
  tx: Queryable,
  tables: Tables,
  letter: Pick<DeadLetter, 'body'>,
): Promise<void> {
  const { prefix } = tables
  await tx.query(
    `WITH dead AS (
       SELECT * FROM json_to_record($1)
         AS dead (name text, key text, payload jsonb, occurrence timestamptz,
           headers jsonb)
     ), run AS (
       UPDATE ${prefix}schedule_run r SET state = 'waiting', ended_at = NULL
       FROM dead WHERE r.name = dead.name AND r.due_at = dead.occurrence
     ), again AS (
       INSERT INTO ${prefix}job (name, key, payload, due_at, occurrence, headers)
       SELECT name, key, payload, now(), occurrence, coalesce(headers, '{}') FROM dead
       ON CONFLICT (name, key) WHERE key IS NOT NULL DO UPDATE SET due_at = now()
     ) ${wakeSql(tables, 'schedule')}`,
    [JSON.stringify(letter.body)],
  )
}
