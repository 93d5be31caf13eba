import type { Queryable } from '@banyan/postgres'
import type { DeadLetter } from '../dead-letters.ts'
import type { Tables } from '../tables.ts'
import { wakeSql } from '../waker.ts'

/** The compensation that failed is tried again, with all its attempts before it. */
export async function redriveSaga(
  tx: Queryable,
  tables: Tables,
  letter: Pick<DeadLetter, 'key'>,
): Promise<void> {
  await tx.query(
    `WITH again AS (
       UPDATE ${tables.prefix}saga
       SET state = 'compensating', attempts = 0, due_at = now(), updated_at = now()
       WHERE id = $1 AND state = 'stuck'
     ) ${wakeSql(tables, 'saga')}`,
    [letter.key],
  )
}

/** Nothing of it runs any more. */
export async function abandonSaga(
  tx: Queryable,
  { prefix }: Tables,
  letter: Pick<DeadLetter, 'key'>,
): Promise<void> {
  await tx.query(
    `UPDATE ${prefix}saga SET state = 'abandoned', ended_at = now(), updated_at = now()
     WHERE id = $1 AND ended_at IS NULL`,
    [letter.key],
  )
}
