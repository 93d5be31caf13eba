import {
  bigint,
  boolean,
  customType,
  integer,
  jsonb,
  pgSchema,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Format } from './formats/detect.ts'
import type { ReadOptions } from './formats/part-list.ts'
import type { Job, JobFailure, JobTotals } from './messages.ts'

const processing = pgSchema('processing')

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

export const jobs = processing.table('jobs', {
  id: uuid('id').primaryKey().defaultRandom(),
  ownerId: text('owner_id').notNull(),
  state: text('state').$type<Job['state']>().notNull().default('queued'),
  reference: text('reference'),
  fileName: text('file_name'),
  fileUrl: text('file_url'),
  options: jsonb('options').$type<ReadOptions>().notNull(),
  attempts: integer('attempts').notNull().default(0),
  token: bigint('token', { mode: 'bigint' }).notNull().default(0n),
  announced: boolean('announced').notNull().default(false),
  format: text('format').$type<Format>(),
  bytesRead: bigint('bytes_read', { mode: 'number' }).notNull().default(0),
  bytesTotal: bigint('bytes_total', { mode: 'number' }),
  linesRead: integer('lines_read').notNull().default(0),
  totals: jsonb('totals').$type<JobTotals>(),
  failure: jsonb('failure').$type<JobFailure>(),
  createdAt: moment('created_at').notNull(),
  startedAt: moment('started_at'),
  endedAt: moment('ended_at'),
})

export const jobInputs = processing.table('job_inputs', {
  jobId: uuid('job_id').primaryKey(),
  content: bytea('content').notNull(),
})

export const jobProblems = processing.table('job_problems', {
  jobId: uuid('job_id').notNull(),
  position: integer('position').notNull(),
  problem: jsonb('problem')
    .$type<{ readonly line: number; readonly code: string; readonly message: string }>()
    .notNull(),
})
