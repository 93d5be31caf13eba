import type { Pool } from '@banyan/postgres'

/** Where the durable tables stand; every part of this package is given it. */
export interface Tables {
  readonly pool: Pool
  readonly schema: string
  /** The schema as it stands in SQL, with its dot: `"durable".` */
  readonly prefix: string
}
