import { EmbeddedPostgres } from '@banyan/postgres'
import { newServiceKey } from '@banyan/service'
import pg from 'pg'
import { currentKey } from '../auth/keys.ts'
import { type TokenClaims, tokenMinter } from '../auth/mint.ts'
import { type Running, startProcess } from './processes.ts'

/** The monolith as it runs: PostgreSQL, the Auth Service and itself, each its own process. */
export interface System {
  readonly server: EmbeddedPostgres
  readonly monolithDatabase: string
  readonly monolith: Running
  readonly auth: Running
  /** Settings of the Profile Service, which asks the Auth Service: where it is, and the key to it. */
  profileEnv(): Record<string, string>
  /** A user of the Auth Service; its id. */
  addUser(): Promise<string>
  /** Kills the Auth Service, or starts it again on its port and database. */
  killAuth(): Promise<void>
  startAuth(): Promise<void>
  /** A signed token of that user. */
  token(userId: string, roles?: string[]): Promise<string>
  /** Kills or stops the monolith, and starts it again on the same database. */
  restart(signal: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

/** @param monolithEnv further settings of the monolith */
export async function startSystem(monolithEnv: Record<string, string> = {}): Promise<System> {
  const server = await EmbeddedPostgres.start()
  const authDatabase = await server.createDatabase('auth')
  const monolithDatabase = await server.createDatabase('lego')
  const { privateJwk, publicJwk } = await newServiceKey('profile')
  const authEnv = {
    DATABASE_URL: authDatabase,
    BANYAN_SERVICE_KEYS: JSON.stringify({ keys: [publicJwk] }),
  }
  let auth = await startProcess('auth/main.ts', authEnv)
  const env = {
    DATABASE_URL: monolithDatabase,
    JWKS_URL: `${auth.url}/.well-known/jwks.json`,
    ...monolithEnv,
  }
  const mint = await minter(authDatabase)
  let monolith = await startProcess('monolith/main.ts', env)
  return {
    server,
    monolithDatabase,
    get monolith() {
      return monolith
    },
    get auth() {
      return auth
    },
    profileEnv: () => ({
      AUTH_URL: auth.url,
      BANYAN_SIGNING_KEY: JSON.stringify(privateJwk),
    }),
    async addUser() {
      const email = `${crypto.randomUUID()}@example.org`
      const added = await send(
        `${auth.url}/users`,
        'POST',
        {},
        { email, password: 'brick-by-brick' },
      )
      return added.body.id
    },
    async killAuth() {
      await auth.end('SIGKILL')
    },
    async startAuth() {
      auth = await startProcess('auth/main.ts', { ...authEnv, PORT: String(auth.port) })
    },
    token: (sub, roles = ['user']) => mint({ sub, email: `${sub}@example.org`, roles }),
    async restart(signal) {
      await monolith.end(signal)
      monolith = await startProcess('monolith/main.ts', env)
    },
    async stop() {
      await monolith.end()
      await auth.end()
      await server.stop()
    },
  }
}

async function minter(database: string): Promise<(claims: TokenClaims) => Promise<string>> {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  const key = await currentKey(client)
  await client.end()
  if (!key) throw new Error('the Auth Service has no key')
  return tokenMinter(key)
}

export interface Answer {
  readonly status: number
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers are read field by field, and a wrong one fails the test.
  readonly body: any
  readonly headers: Headers
}

/** Sends one request; a FormData or string body goes as it is, anything else as JSON. */
export async function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Answer> {
  const raw = body === undefined || body instanceof FormData || typeof body === 'string'
  const response = await fetch(url, {
    method,
    headers:
      body instanceof FormData ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined
      ? {}
      : { body: raw ? (body as FormData | string) : JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = response.headers.get('content-type')?.includes('json')
  return {
    status: response.status,
    text,
    body: json ? JSON.parse(text) : null,
    headers: response.headers,
  }
}
