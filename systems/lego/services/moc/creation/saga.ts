import { defineSaga, type RetryPolicy } from '@banyan/durable'
import { z } from 'zod'
import type { Context } from '../context.ts'
import { noting, settle, withdraw } from './creations.ts'
import { stagedBytes } from './staged-bytes.ts'
import { addMoc, handOver, recordFiles, uploadFiles } from './steps.ts'
import { storageOf } from './stored-files.ts'

/** Some 15 s: longer than Storage's restart, shorter than a user's patience with what is under way. */
const CALLS: RetryPolicy = { attempts: 7, firstMs: 250, maxMs: 30_000 }
/** A week: nobody else would take the files away. */
const REMOVAL: RetryPolicy = { attempts: 1_000, firstMs: 250, maxMs: 600_000 }
const WEEK_MS = 7 * 24 * 3_600_000
/** All files of one MOC, to Storage and through its scanner. */
const UPLOAD_MS = 120_000
const HANDOVER_MS = 60_000

const Input = z.object({ mocId: z.uuid(), fileIds: z.array(z.uuid()) })

/**
 * A MOC is created, its files are stored, its parts lists handed over to be read. Until the files are recorded
 * a failure leaves nothing; after that the MOC stands, if need be as incomplete.
 */
export function createMocWithFiles(context: Context) {
  const undo = async ({ input }: { input: z.infer<typeof Input> }) => {
    await withdraw(context, input.mocId)
  }
  return defineSaga({
    name: 'create MOC with files',
    version: 1,
    timeoutMs: CALLS.attempts * (UPLOAD_MS + HANDOVER_MS),
    input: Input,
    steps: (saga) =>
      saga
        .step('moc', {
          invoke: ({ input: { mocId } }) => noting(context, mocId, () => addMoc(context, mocId)),
          compensate: undo,
        })
        .step('upload', {
          timeoutMs: UPLOAD_MS,
          retry: CALLS,
          compensationRetry: REMOVAL,
          invoke: ({ input: { mocId }, signal }) =>
            noting(context, mocId, () => uploadFiles(context, mocId, signal)),
          // The MOC goes first: while Storage is away nobody should see it without its files.
          compensate: async ({ input: { mocId, fileIds }, signal }) => {
            if (!(await withdraw(context, mocId))) return
            await storageOf(context).deleteFiles({ body: { fileIds } }, { signal })
          },
        })
        .step('files', {
          invoke: ({ input: { mocId } }) =>
            noting(context, mocId, () => recordFiles(context, mocId)),
          compensate: undo,
        })
        .step('processing', {
          timeoutMs: HANDOVER_MS,
          retry: CALLS,
          invoke: ({ input: { mocId }, idempotencyKey, signal }) =>
            noting(context, mocId, () => handOver(context, mocId, idempotencyKey, signal)),
          // Undone is nothing: the MOC stands, and what is undone after this lets it stand.
          compensate: ({ input: { mocId } }) => settle(context, mocId, 'incomplete'),
        })
        .step('created', {
          invoke: async ({ input: { mocId, fileIds } }) => {
            await noting(context, mocId, () => settle(context, mocId, 'created'))
            for (const id of fileIds) stagedBytes(context).forget(id)
          },
        }),
  })
}

/** Takes the files of a MOC that was deleted away from Storage. */
export function removeFiles(context: Context) {
  return defineSaga({
    name: 'remove stored files',
    version: 1,
    timeoutMs: WEEK_MS,
    input: z.object({ fileIds: z.array(z.uuid()) }),
    steps: (saga) =>
      saga.step('remove', {
        retry: REMOVAL,
        invoke: async ({ input: { fileIds }, signal }) => {
          await storageOf(context).deleteFiles({ body: { fileIds } }, { signal })
        },
      }),
  })
}
