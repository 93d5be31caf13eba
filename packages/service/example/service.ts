import { defineService } from '@banyan/service'
import { NoteWritten } from './events.ts'
import { noteReactions } from './reactions.ts'
import { noteRoutes } from './routes.ts'
import * as tables from './schema.ts'

export default defineService({
  name: 'notes',
  port: 9700,
  title: 'Note Service',
  database: { tables, migrations: new URL('migrations', import.meta.url) },
  routes: { '/v1/notes': noteRoutes },
  events: [NoteWritten],
  reactions: noteReactions,
})
