import { type App, askAgain, routeOptions, type ServiceContext } from '@banyan/service'
import { processingApi, processingForServices } from './client.ts'
import { FileProcessingFailed } from './events.ts'
import { cancelJob, createJob, getJob, listLots, listProblems } from './jobs/jobs.ts'
import type { ProcessingConfig } from './jobs/store.ts'
import { wakeWorker } from './jobs/worker.ts'
import type { EstimateQuery, NewJob } from './messages.ts'
import { readForms } from './multipart.ts'
import { estimateOf } from './prices/estimates.ts'
import { NotRead, readNow } from './read-now.ts'
import type * as tables from './schema.ts'

type Context = ServiceContext<ProcessingConfig, typeof tables>

/** A file in base64, and its form around it. */
const BODY_BYTES = 8 * 1024 * 1024

/** What users ask: about jobs of their own. */
export function processingRoutes(app: App, context: Context): void {
  readForms(app)
  app.route({
    ...routeOptions(processingApi, 'processFile'),
    bodyLimit: BODY_BYTES,
    handler: (request, reply) => begin(context, request, reply, request.user.userId, request.body),
  })
  app.route({
    ...routeOptions(processingApi, 'readPartsList'),
    handler: async ({ body }, reply) => {
      try {
        return await readNow(body)
      } catch (error) {
        if (!(error instanceof NotRead)) throw error
        const { status, code, message, rejected } = error
        const details = code === 'NO_PARTS' ? { details: [...rejected] } : {}
        return reply.status(status).send({ error: { code, message, ...details } })
      }
    },
  })
  app.route({
    ...routeOptions(processingApi, 'getJob'),
    handler: ({ user, params }, reply) => show(context, reply, user.userId, params.jobId),
  })
  app.route({
    ...routeOptions(processingApi, 'cancelJob'),
    handler: ({ user, params }) => cancel(context, user.userId, params.jobId),
  })
  app.route({
    ...routeOptions(processingApi, 'listLots'),
    handler: ({ user, params, query }) => listLots(context.pool, user.userId, params.jobId, query),
  })
  app.route({
    ...routeOptions(processingApi, 'listProblems'),
    handler: ({ user, params, query }) => listProblems(context, user.userId, params.jobId, query),
  })
  app.route({
    ...routeOptions(processingApi, 'getEstimate'),
    handler: ({ user, params, query }) => estimate(context, user.userId, params.jobId, query),
  })
}

/** What services ask, for any user. */
export function internalRoutes(app: App, context: Context): void {
  const api = processingForServices
  app.route({
    ...routeOptions(api, 'processFile'),
    bodyLimit: BODY_BYTES,
    handler: (request, reply) => {
      const { ownerId, ...job } = request.body
      return begin(context, request, reply, ownerId, job)
    },
  })
  app.route({
    ...routeOptions(api, 'getJob'),
    handler: ({ params }, reply) => show(context, reply, null, params.jobId),
  })
  app.route({
    ...routeOptions(api, 'cancelJob'),
    handler: ({ params }) => cancel(context, null, params.jobId),
  })
  app.route({
    ...routeOptions(api, 'listLots'),
    handler: ({ params, query }) => listLots(context.pool, null, params.jobId, query),
  })
  app.route({
    ...routeOptions(api, 'listProblems'),
    handler: ({ params, query }) => listProblems(context, null, params.jobId, query),
  })
  app.route({
    ...routeOptions(api, 'getEstimate'),
    handler: ({ params, query }) => estimate(context, null, params.jobId, query),
  })
}

type Asking = Parameters<Context['answerOnce']>[0]
type Answering = Parameters<Context['answerOnce']>[1]

async function show(context: Context, reply: Answering, ownerId: string | null, jobId: string) {
  const job = await getJob(context.pool, ownerId, jobId)
  if (job.endedAt === null) askAgain(reply, new Date(job.createdAt))
  return job
}

async function begin(
  context: Context,
  request: Asking,
  reply: Answering,
  ownerId: string,
  job: NewJob,
) {
  const { FILE_ORIGINS } = context.config
  const answer = await context.answerOnce(request, reply, 202, ({ db }) =>
    createJob(db, ownerId, job, FILE_ORIGINS),
  )
  wakeWorker(context)
  return answer
}

function estimate(context: Context, ownerId: string | null, jobId: string, query: EstimateQuery) {
  const prices = context.config.BRICKLINK !== null
  return context.transaction((tx) => estimateOf(tx, ownerId, jobId, query, prices))
}

function cancel(context: Context, ownerId: string | null, jobId: string) {
  return context.transaction(async (tx) => {
    const { job, ownerId: owner } = await cancelJob(tx, ownerId, jobId)
    const { reference, fileUrl, failure } = job
    await tx.publish(
      FileProcessingFailed.of({ jobId, ownerId: owner, reference, fileUrl, error: failure! }),
      { key: jobId },
    )
    return job
  })
}
