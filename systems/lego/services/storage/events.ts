import { defineEvent } from '@banyan/bus'
import { z } from 'zod'
import { StoredFile } from './messages.ts'

/** What the File Storage Service says; others import this file. Key: the owner, whose events keep their order. */

const Whole = z.object({ ownerId: z.string(), file: StoredFile })

export const FileStored = defineEvent({ type: 'file.stored', version: 1, payload: Whole })

/** An image has its variants, or `problem` says why it has none. */
export const FileProcessed = defineEvent({ type: 'file.processed', version: 1, payload: Whole })

export const FileDeleted = defineEvent({
  type: 'file.deleted',
  version: 1,
  payload: z.object({ ownerId: z.string(), fileId: z.uuid() }),
})

export const storageEvents = [FileStored, FileProcessed, FileDeleted]
