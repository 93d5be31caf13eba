/**
 * Fills Search's own table from the monolith's database:
 * `SOURCE_URL=postgres://…/lego DATABASE_URL=postgres://…/search node --import tsx backfill/main.ts`
 */
import { createPool } from '@banyan/postgres'
import { readCommandSettings } from '../command.ts'
import { backfillFromMonolith } from './monolith.ts'

const settings = readCommandSettings('backfill', ['SOURCE_URL', 'DATABASE_URL'])
const monolith = createPool(settings.SOURCE_URL, { name: 'search-backfill', max: 1 })
const own = createPool(settings.DATABASE_URL, { name: 'search-backfill', max: 1 })
try {
  const changed = await backfillFromMonolith(monolith, own, { feeds: settings.feeds })
  console.log(JSON.stringify({ changed }))
} finally {
  await Promise.all([monolith.end(), own.end()])
}
