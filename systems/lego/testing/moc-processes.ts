import { signIdentity } from '@banyan/contracts'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { newServiceKey, startService } from '@banyan/service'
import moc from '../services/moc/service.ts'
import { type Answer, send } from './monolith.ts'

const KEY = 'a key for these tests alone'

export interface MocProcess {
  readonly url: string
  stop(): Promise<void>
}

export interface MocProcesses {
  readonly processes: readonly MocProcess[]
  /** Whoever else writes into the service's database. */
  readonly others: Pool
  /** Asks one of them below `/v1/mocs`, as somebody. */
  ask(user: string, at: MocProcess, method: string, path: string, body?: unknown): Promise<Answer>
  stop(): Promise<void>
}

/**
 * So many processes of MOC management on one database; no other service is there.
 *
 * @param settings more of theirs: a cache in common, where each else has its own
 */
export async function startMocProcesses(
  count: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<MocProcesses> {
  const server = await EmbeddedPostgres.start()
  const database = await server.createDatabase('moc')
  const { publicJwk, privateJwk } = await newServiceKey('moc')
  const env = {
    PORT: '0',
    LOG_LEVEL: 'silent',
    BANYAN_IDENTITY_KEY: KEY,
    BUS_URL: await server.createDatabase('bus'),
    DATABASE_URL: database,
    BANYAN_SIGNING_KEY: JSON.stringify(privateJwk),
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }),
    // Nobody there: no MOC links anything that would be asked about.
    GALLERY_URL: 'http://127.0.0.1:9',
    ...settings,
  }
  const others = createPool(database, { name: 'others' })
  const processes: MocProcess[] = []
  for (let n = 0; n < count; n++) processes.push(await startService(moc, { env }))
  return {
    processes,
    others,
    ask(user, at, method, path, body) {
      const identity = signIdentity({ userId: user, email: null, roles: [] }, KEY)
      return send(`${at.url}/v1/mocs${path}`, method, { 'x-banyan-identity': identity }, body)
    },
    async stop() {
      for (const process of processes) await process.stop()
      await others.end()
      await server.stop()
    },
  }
}
