import { sql } from 'drizzle-orm'
import type { Transaction } from '../db/connect.ts'

/** Notes, with the change itself, that a search outside has to look at a document again. */
export async function noteChange(
  tx: Transaction,
  type: 'moc' | 'image' | 'wishlist',
  id: string,
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO search_changes (type, document_id) VALUES (${type}, ${id})
    ON CONFLICT (type, document_id) DO UPDATE SET revision = search_changes.revision + 1`)
}
