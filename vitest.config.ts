import { defineConfig } from 'vitest/config'

/** What wants other majors of PostgreSQL: `npm run test:versions` gets them, `npm test` needs nothing. */
const MAJORS = 'packages/**/*.majors.test.ts'
const ALL = ['packages', 'systems', 'scripts', 'bench'].map((folder) => `${folder}/**/*.test.ts`)

export default defineConfig({
  test: {
    include: process.env.BANYAN_CROSSINGS ? [MAJORS] : ALL,
    exclude: process.env.BANYAN_CROSSINGS ? ['**/node_modules/**'] : ['**/node_modules/**', MAJORS],
    // Tests start real servers and processes; two cores must not be asked for more than two at once.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
