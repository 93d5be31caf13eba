import { defineApi, type RouteDescription } from '@banyan/service'
import { FailureOfMonolith } from '../../monolith-shape.ts'
import {
  Estimate,
  EstimateQuery,
  Job,
  JobId,
  LotPage,
  LotsQuery,
  NewJob,
  NewJobForOwner,
  PageQuery,
  ProblemPage,
  ReadAnswer,
  ReadBody,
  Started,
} from './messages.ts'

/** What a caller may send as `content`, before it is base64. */
export { MAX_INLINE_BYTES } from './messages.ts'

const ofJobs = {
  getJob: {
    method: 'GET',
    path: '/jobs/:jobId',
    summary: 'Where a job stands',
    params: JobId,
    response: { 200: Job },
  },
  cancelJob: {
    method: 'POST',
    path: '/jobs/:jobId/cancel',
    summary: 'Ends a job that has not ended',
    params: JobId,
    response: { 200: Job },
  },
  listLots: {
    method: 'GET',
    path: '/jobs/:jobId/lots',
    summary: 'What the file holds, as far as it could be read',
    params: JobId,
    query: LotsQuery,
    response: { 200: LotPage },
  },
  listProblems: {
    method: 'GET',
    path: '/jobs/:jobId/problems',
    summary: 'Lines that could not be read; the first 1,000',
    params: JobId,
    query: PageQuery,
    response: { 200: ProblemPage },
  },
  getEstimate: {
    method: 'GET',
    path: '/jobs/:jobId/estimate',
    summary:
      "What the lots would cost at BrickLink's average; made in the background, begun when asked for",
    params: JobId,
    query: EstimateQuery,
    response: { 200: Estimate },
  },
} as const satisfies Record<string, RouteDescription>

/** What the File Processing Service answers users: about their own jobs. */
export const processingApi = defineApi({
  name: 'processing',
  prefix: '/v1',
  routes: {
    processFile: {
      method: 'POST',
      path: '/process-file',
      summary: 'Begins to read a part list, as JSON or multipart/form-data; answers at once',
      body: NewJob,
      response: { 202: Started },
    },
    readPartsList: {
      method: 'POST',
      path: '/parts-lists/parse',
      summary: 'What a parts list holds, read at once; nothing of it is kept',
      body: ReadBody,
      response: { 200: ReadAnswer, 415: FailureOfMonolith, 422: FailureOfMonolith },
    },
    ...ofJobs,
  },
})

/** Services that have lists read for their users; `lego` is the monolith, while it stands. */
const callers = ['moc', 'lego']

/** What it answers services with a token, for whichever user they say. */
export const processingForServices = defineApi({
  name: 'processing',
  prefix: '/internal/v1',
  routes: {
    processFile: {
      method: 'POST',
      path: '/process-file',
      summary: 'Begins to read a part list for a user',
      body: NewJobForOwner,
      response: { 202: Started },
      callers,
    },
    getJob: { ...ofJobs.getJob, callers },
    cancelJob: { ...ofJobs.cancelJob, callers },
    listLots: { ...ofJobs.listLots, callers },
    listProblems: { ...ofJobs.listProblems, callers },
    getEstimate: { ...ofJobs.getEstimate, callers },
  },
})
