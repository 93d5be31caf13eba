import type { ServiceContext } from '@banyan/service'
import { QueryLog } from './analytics.ts'
import type { SearchConfig } from './config.ts'
import { PostgresEngine } from './postgres-engine.ts'
import { Searcher } from './searcher.ts'

export interface Searching {
  readonly searcher: Searcher
  readonly log: QueryLog
}

type Context = ServiceContext<SearchConfig, Record<never, never>>

const known = new WeakMap<Context, Searching>()

/** What one running service searches with: routes and background work share it. */
export function searchingOf(context: Context): Searching {
  let searching = known.get(context)
  if (!searching) {
    const own = new PostgresEngine(context.pool)
    searching = {
      searcher: new Searcher({ own, outside: null }, context),
      log: new QueryLog(context),
    }
    known.set(context, searching)
  }
  return searching
}
