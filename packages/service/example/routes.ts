import {
  type App,
  defineCursor,
  noSuch,
  pageOf,
  pageQuery,
  type ServiceContext,
} from '@banyan/service'
import { and, asc, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import { NoteWritten } from './events.ts'
import * as tables from './schema.ts'

const Note = z.object({ id: z.uuid(), body: z.string() })
const NewNote = z.strictObject({ body: z.string().min(1).max(2_000) })
const After = defineCursor(z.tuple([z.string().max(40), z.uuid()]))

export function noteRoutes(app: App, context: ServiceContext<object, typeof tables>): void {
  const { notes } = tables
  const written = context.metrics.counter('notes_written_total', 'Notes written')

  app.post('/', { schema: { body: NewNote, response: { 201: Note } } }, (request, reply) =>
    context.answerOnce(request, reply, 201, async ({ db, publish }) => {
      const ownerId = request.user.userId
      const note = { ownerId, body: request.body.body }
      const [row] = await db.insert(notes).values(note).returning()
      await publish(NoteWritten.of({ noteId: row!.id, ownerId }), { key: ownerId })
      written.inc()
      return row!
    }),
  )

  app.get(
    '/',
    { schema: { querystring: pageQuery({ usual: 10 }), response: { 200: pageOf(Note) } } },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const after = After.read(cursor)
      const own = eq(notes.ownerId, request.user.userId)
      const place = sql`(${notes.createdAt}, ${notes.id})`
      const rows = await context.db
        .select({ id: notes.id, body: notes.body, at: sql<string>`${notes.createdAt}::text` })
        .from(notes)
        .where(
          and(
            own,
            after ? sql`${place} > (${after[0]}::timestamptz, ${after[1]}::uuid)` : undefined,
          ),
        )
        .orderBy(asc(notes.createdAt), asc(notes.id))
        .limit(limit + 1)
      return After.page(request, reply, { rows, limit, at: ({ at, id }) => [at, id] })
    },
  )

  app.get(
    '/:id',
    {
      schema: { params: z.object({ id: z.uuid() }), response: { 200: Note } },
      config: { cache: { staleIfErrorMs: 60_000 } },
    },
    async (request) => {
      const own = and(eq(notes.id, request.params.id), eq(notes.ownerId, request.user.userId))
      const [note] = await context.db.select().from(notes).where(own)
      if (!note) throw noSuch('note')
      return note
    },
  )
}
