/**
 * Makes the sets of Rebrickable's catalogue findable:
 * `CATALOGUE_FOLDER=… DATABASE_URL=postgres://…/search node --import tsx sets/main.ts`
 */
import { createPool } from '@banyan/postgres'
import { readCommandSettings } from '../command.ts'
import { importSets } from './catalogue.ts'

const settings = readCommandSettings('import sets', ['CATALOGUE_FOLDER', 'DATABASE_URL'])
const own = createPool(settings.DATABASE_URL, { name: 'search-sets', max: 1 })
try {
  console.log(JSON.stringify(await importSets(settings.CATALOGUE_FOLDER, own, settings)))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
} finally {
  await own.end()
}
