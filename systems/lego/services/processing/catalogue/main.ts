/**
 * Fills the catalogue of the File Processing Service:
 *
 *     DATABASE_URL=… node --import tsx catalogue/main.ts --dumps FOLDER --colours FILE --part-ids FILE
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createPool, migrate } from '@banyan/postgres'
import { importCatalogue } from './import.ts'

const { values } = parseArgs({
  options: {
    dumps: { type: 'string' },
    colours: { type: 'string', multiple: true, default: [] },
    'part-ids': { type: 'string', multiple: true, default: [] },
  },
})
const url = process.env.DATABASE_URL
if (!url || !values.dumps) {
  console.error('Set DATABASE_URL, and give --dumps, the folder of Rebrickable’s CSV files')
  process.exit(2)
}
const pool = createPool(url, { name: 'catalogue import', max: 2 })
try {
  await migrate(pool, 'processing', fileURLToPath(new URL('../migrations', import.meta.url)))
  const { dumps, colours, 'part-ids': partIds } = values
  console.log(JSON.stringify(await importCatalogue(pool, { dumps, colours, partIds })))
} finally {
  await pool.end()
}
