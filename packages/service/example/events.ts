import { defineEvent } from '@banyan/bus'
import { z } from 'zod'

/** What the note service says; others import this file. */
export const NoteWritten = defineEvent({
  type: 'note.written',
  version: 1,
  payload: z.object({ noteId: z.uuid(), ownerId: z.string() }),
})
