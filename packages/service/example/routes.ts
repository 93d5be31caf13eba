import { type App, noSuch, type ServiceContext } from '@banyan/service'
import { and, eq } from 'drizzle-orm'
import { z } from 'zod'
import * as tables from './schema.ts'

const Note = z.object({ id: z.uuid(), body: z.string() })
const NewNote = z.strictObject({ body: z.string().min(1).max(2_000) })

export function noteRoutes(app: App, context: ServiceContext<object, typeof tables>): void {
  const { notes } = tables

  app.post('/', { schema: { body: NewNote, response: { 201: Note } } }, async (request, reply) => {
    const ownerId = request.user.userId
    const [note] = await context.transaction(({ db }) =>
      db.insert(notes).values({ ownerId, body: request.body.body }).returning(),
    )
    return reply.status(201).send(note!)
  })

  app.get(
    '/:id',
    { schema: { params: z.object({ id: z.uuid() }), response: { 200: Note } } },
    async (request) => {
      const own = and(eq(notes.id, request.params.id), eq(notes.ownerId, request.user.userId))
      const [note] = await context.db.select().from(notes).where(own)
      if (!note) throw noSuch('note')
      return note
    },
  )
}
