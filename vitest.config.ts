import { defineConfig } from 'vitest/config'

const ALL = ['packages', 'systems', 'scripts', 'bench'].map((folder) => `${folder}/**/*.test.ts`)

/** Files that `npm test` leaves out, because they want more than it has; each kind has its own command. */
const ASIDE = {
  /** Other majors of PostgreSQL: `npm run test:versions` gets them. */
  BANYAN_CROSSINGS: 'packages/**/*.majors.test.ts',
  /** Real servers: `npm run test:servers` starts them. */
  BANYAN_SERVERS: '{packages,systems,scripts}/**/*.servers.test.ts',
}

const aside = Object.entries(ASIDE).find(([variable]) => process.env[variable])?.[1]

export default defineConfig({
  test: {
    include: aside ? [aside] : ALL,
    exclude: ['**/node_modules/**', ...(aside ? [] : Object.values(ASIDE))],
    // Tests start real servers and processes; two cores must not be asked for more than two at once.
    // Tests of one server restart it, and must not meet each other.
    pool: 'forks',
    maxWorkers: process.env.BANYAN_SERVERS ? 1 : 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
