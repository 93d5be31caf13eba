import { defineConfig } from 'vitest/config'
import { folderOf } from './scripts/servers/server.ts'

const ALL = ['packages', 'systems', 'scripts', 'bench'].map((folder) => `${folder}/**/*.test.ts`)

/** Files that `npm test` leaves out, because they want more than it has; each kind has its own command. */
const ASIDE = {
  /** Other majors of PostgreSQL: `npm run test:versions` gets them. */
  BANYAN_CROSSINGS: 'packages/**/*.majors.test.ts',
  /** Real servers: `npm run test:servers` starts them. */
  BANYAN_SERVERS: '{packages,systems,scripts}/**/*.servers.test.ts',
  /** A browser: `npm run test:browser` gets one. */
  BANYAN_BROWSER: 'systems/**/*.browser.test.ts',
}

/** The transport that `npm test` can run is shown beside those that it cannot. */
const BESIDE_SERVERS = 'packages/bus/src/postgres/postgres.test.ts'

const aside = Object.entries(ASIDE).find(([variable]) => process.env[variable])?.[1]
const included = aside === ASIDE.BANYAN_SERVERS ? [aside, BESIDE_SERVERS] : [aside ?? []].flat()

export default defineConfig({
  test: {
    include: aside ? included : ALL,
    exclude: ['**/node_modules/**', ...(aside ? [] : Object.values(ASIDE))],
    // Tests start real servers and processes; two cores must not be asked for more than two at once.
    // Tests of one server restart it, and must not meet each other.
    pool: 'forks',
    maxWorkers: process.env.BANYAN_SERVERS || process.env.BANYAN_BROWSER ? 1 : 2,
    // What came of each test, for `check:requirements` afterwards; a part of them on another server must not stand for all.
    ...(process.env.CI && !aside && !process.env.BANYAN_POSTGRES
      ? { reporters: ['default', 'json'], outputFile: { json: folderOf('tests.json') } }
      : {}),
    // Brokers that are killed and started again on a busy machine take their time.
    testTimeout: process.env.BANYAN_SERVERS ? 300_000 : 120_000,
    hookTimeout: 120_000,
    // Off until somebody asks: `npm run test:coverage`.
    coverage: { provider: 'v8' },
  },
})
