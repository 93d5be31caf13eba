import { createPool } from '@banyan/postgres'
import { QueryLog } from './analytics.ts'
import { Backfills } from './backfill/backfills.ts'
import type { Context } from './context.ts'
import { Feed } from './feed.ts'
import { OpenSearchEngine } from './opensearch-engine.ts'
import { PostgresEngine } from './postgres-engine.ts'
import { Searcher } from './searcher.ts'

export interface Searching {
  readonly searcher: Searcher
  readonly log: QueryLog
  /** Only where there is a search engine to be told. */
  readonly feed: Feed | null
  readonly backfills: Backfills
}

const known = new WeakMap<Context, Searching>()

/** What one running service searches with: routes and background work share it. */
export function searchingOf(context: Context): Searching {
  let searching = known.get(context)
  if (!searching) {
    const own = new PostgresEngine(context.pool)
    const { OPENSEARCH_URL: url, OPENSEARCH_INDEX: alias, SOURCE_URL, ...config } = context.config
    const outside = url
      ? new OpenSearchEngine({ url, alias, timeoutMs: config.OPENSEARCH_TIMEOUT_MS })
      : null
    searching = {
      searcher: new Searcher({ own, outside }, context),
      log: new QueryLog(context),
      feed: outside && new Feed(outside, alias, context),
      backfills: new Backfills({
        own: context.pool,
        monolith: SOURCE_URL ? createPool(SOURCE_URL, { name: 'search', max: 3 }) : null,
        recording: { feeds: url !== undefined },
        log: context.log,
      }),
    }
    known.set(context, searching)
  }
  return searching
}
