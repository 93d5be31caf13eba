import type { EmbeddedPostgres } from '@banyan/postgres'
import notes from '../../example/service.ts'
import { type StartOptions, startService } from '../index.ts'
import { IDENTITY_KEY } from './requests.ts'

/** The settings of the example, with a database of its own and the bus in another. */
export async function notesEnv(server: EmbeddedPostgres, database = 'notes') {
  return {
    PORT: '0',
    DATABASE_URL: await server.createDatabase(database),
    BUS_URL: await server.createDatabase('bus'),
    BANYAN_IDENTITY_KEY: IDENTITY_KEY,
  }
}

/** The example, running in this process; it logs nothing if not told to. */
export async function startNotes(
  server: EmbeddedPostgres,
  env: Record<string, string> = {},
  options: Omit<StartOptions, 'env'> = {},
) {
  const settings = { ...(await notesEnv(server)), LOG_LEVEL: 'silent', ...env }
  return startService(notes, { env: settings, ...options })
}
