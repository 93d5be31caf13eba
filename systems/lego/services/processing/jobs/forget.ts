import { defineSchedule } from '@banyan/durable'

/** Whoever wanted the lots has them by now: 30 days after a job has ended it is forgotten. */
export const forgetOldJobs = defineSchedule({
  name: 'forget old jobs',
  cron: '20 3 * * *',
  timeZone: 'UTC',
  misfire: 'once',
  run: async (_, tx) => {
    await tx.query(`DELETE FROM processing.jobs WHERE ended_at < now() - interval '30 days'`)
  },
})
