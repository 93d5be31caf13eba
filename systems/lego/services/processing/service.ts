import { defineService } from '@banyan/service'
import { z } from 'zod'
import { processingApi, processingForServices } from './client.ts'
import { processingEvents } from './events.ts'
import { forgetOldJobs } from './jobs/forget.ts'
import type { ProcessingConfig } from './jobs/store.ts'
import { JobWorker } from './jobs/worker.ts'
import { Estimator } from './prices/estimator.ts'
import { BrickLinkVariables } from './prices/settings.ts'
import { internalRoutes, processingRoutes } from './routes.ts'
import * as tables from './schema.ts'

const JobVariables = z.object({
  /** Where files may be fetched from, with commas: the storage's origins. */
  FILE_ORIGINS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((one) => one.trim())
        .filter(Boolean),
    )
    .pipe(z.array(z.url({ protocol: /^https?$/ }).transform((url) => new URL(url).origin))),
  /** Part lists that a process reads at a time: each holds one lot for each distinct part. */
  JOBS_AT_ONCE: z.coerce.number().int().min(1).max(100).default(2),
  MAX_FILE_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .max(1024 * 1024 * 1024)
    .default(64 * 1024 * 1024),
})
const config: z.ZodType<ProcessingConfig> = JobVariables.and(BrickLinkVariables)

/** Reads part lists in the background; depends on no other service. */
export default defineService({
  name: 'processing',
  port: 9500,
  title: 'File Processing Service',
  givesWay: true,
  config,
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: {
    [processingApi.prefix]: processingRoutes,
    [processingForServices.prefix]: internalRoutes,
  },
  events: processingEvents,
  schedules: () => [forgetOldJobs],
  start(context) {
    const worker = new JobWorker(context)
    worker.start()
    const { BRICKLINK } = context.config
    const estimator = BRICKLINK && new Estimator(context, BRICKLINK)
    estimator?.start()
    return async () => {
      await Promise.all([worker.stop(), estimator?.stop()])
    }
  },
})
