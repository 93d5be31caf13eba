export type { Credentials, CredentialsSource } from './credentials.ts'
export { type EmbeddedOptions, EmbeddedPostgres, freePort } from './embedded.ts'
export { endsSession, planIsOutdated, sqlState } from './failures.ts'
export { fetchMajor } from './majors.ts'
export { lockSchema, migrate } from './migrations.ts'
export {
  createPool,
  PINNED_SETTINGS,
  type Pool,
  type PoolClient,
  type PoolOptions,
  type Queryable,
} from './pool.ts'
export { transaction, withCommit } from './transaction.ts'
