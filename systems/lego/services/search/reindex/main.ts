/**
 * Rebuilds what documents are found by, while searches and changes go on. PostgreSQL's is rewritten by this
 * command; OpenSearch's (`ENGINE=opensearch`) by the running service, and this waits until searches see it:
 * `DATABASE_URL=postgres://…/search node --import tsx reindex/main.ts`
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createPool } from '@banyan/postgres'
import { readCommandSettings } from '../command.ts'
import { listReindexes, rewriteVectors, startReindex } from '../reindex.ts'

const { DATABASE_URL } = readCommandSettings('reindex', ['DATABASE_URL'])
const engine = process.env.ENGINE ?? 'postgres'
const pool = createPool(DATABASE_URL, { name: 'search-reindex', max: 1 })
try {
  if (engine === 'postgres') {
    console.log(JSON.stringify({ engine, documents: await rewriteVectors(pool) }))
  } else if (engine === 'opensearch') {
    await startReindex(pool, engine)
    for (;;) {
      const newest = (await listReindexes(pool)).find((one) => one.engine === engine)
      if (newest?.finishedAt) {
        console.log(JSON.stringify({ engine, documents: newest.copied, index: newest.target }))
        break
      }
      await delay(500)
    }
  } else {
    console.error(`reindex: ENGINE is "${engine}"; postgres and opensearch are allowed`)
    process.exitCode = 1
  }
} finally {
  await pool.end()
}
