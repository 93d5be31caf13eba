/**
 * Gets other majors of PostgreSQL for tests, through npm into .banyan/postgres; those that are there
 * already cost nothing. `npm run postgres:fetch -- 14 17`
 */
import { fetchMajor } from '@banyan/postgres'

const majors = process.argv.slice(2).map(Number)
if (majors.length === 0) {
  console.error('Say which majors: npm run postgres:fetch -- 14 17')
  process.exit(1)
}
for (const major of majors) console.log(`PostgreSQL ${major}: ${await fetchMajor(major)}`)
