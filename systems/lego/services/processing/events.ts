import { defineEvent } from '@banyan/bus'
import { z } from 'zod'
import { FORMATS } from './formats/detect.ts'
import { JobFailure, JobTotals, LotFound } from './messages.ts'

/** What the File Processing Service says; others import this file. Key: the job's id. */

const OfJob = {
  jobId: z.uuid(),
  ownerId: z.string(),
  /** What the caller gave the job: a MOC's id, say. */
  reference: z.string().nullable(),
  /** Without its query, in which signatures travel; null where the file came with the request. */
  fileUrl: z.string().nullable(),
}

/** Lots that go with the event; brokers do not carry the fifty thousand that a list may have. */
export const MOST_LOTS_SAID = 200

export const FileProcessingStarted = defineEvent({
  type: 'file-processing.started',
  version: 1,
  payload: z.object(OfJob),
})

export const FileProcessingCompleted = defineEvent({
  type: 'file-processing.completed',
  version: 1,
  payload: z.object({
    ...OfJob,
    parsedData: z.object({
      format: z.enum(FORMATS),
      totals: JobTotals,
      /** null where there are more than 200: they are fetched from `lotsPath`. */
      lots: z.array(LotFound).nullable(),
      lotsPath: z.string(),
    }),
  }),
})

/** Also of a job that its owner cancelled, with the code CANCELLED. */
export const FileProcessingFailed = defineEvent({
  type: 'file-processing.failed',
  version: 1,
  payload: z.object({ ...OfJob, error: JobFailure }),
})

export const processingEvents = [
  FileProcessingStarted,
  FileProcessingCompleted,
  FileProcessingFailed,
]
