import { createGateway, type Gateway } from '@banyan/gateway'
import { createPool, EmbeddedPostgres, freePort, type Pool } from '@banyan/postgres'
import { pino } from 'pino'
import { request } from 'undici'
import { type RunningEngine, startEngine } from '../engine.ts'
import type { ExtractionPlan, Plan, TablesPlan } from '../plan.ts'
import type { ActionRequest } from '../requests.ts'
import type { ExtractionStatus, LedgerEntry, Phase } from '../status.ts'
import type { PlanOfTables } from './example-plan.ts'
import {
  FORUM_SCHEMA,
  FORUM_TABLES,
  SERVICE_SCHEMA,
  startContentService,
  startForum,
} from './forum.ts'
import type { ForumUser } from './forum-load.ts'
import type { RunningApp } from './http-app.ts'

const TOKEN = 'a-control-token-for-tests'
const IDENTITY_KEY = 'an-identity-key-for-tests'
const USERS = 24
/** Posts there before the move begins; ids above are written by the load. */
export const OLD_POSTS = 3000

/** The forum, its service, a gateway and an engine, on one embedded PostgreSQL, in this process. */
export class ForumSystem {
  readonly server: EmbeddedPostgres
  readonly source: Pool
  readonly target: Pool
  readonly users: readonly ForumUser[]
  readonly #targetServer: EmbeddedPostgres
  #plan: Plan
  readonly #posts: TablesPlan
  readonly #apps: readonly RunningApp[]
  readonly #engines: RunningEngine[] = []
  readonly #gateways: Gateway[] = []

  private constructor(parts: {
    server: EmbeddedPostgres
    targetServer: EmbeddedPostgres
    source: Pool
    target: Pool
    plan: PlanOfTables
    users: ForumUser[]
    apps: RunningApp[]
  }) {
    this.server = parts.server
    this.#targetServer = parts.targetServer
    this.source = parts.source
    this.target = parts.target
    this.#plan = parts.plan
    this.#posts = parts.plan.extractions[0]!
    this.users = parts.users
    this.#apps = parts.apps
  }

  /** @param on the servers and the role of the two sides; one server, its superuser, when left out. */
  static async start(change: Partial<TablesPlan> = {}, on: ForumPlace = {}): Promise<ForumSystem> {
    const server = await EmbeddedPostgres.start(version(on.source))
    const targetServer =
      on.target === undefined ? server : await EmbeddedPostgres.start(version(on.target))
    const [forumUrl, contentUrl, controlUrl] = await Promise.all([
      server.createDatabase('forum'),
      targetServer.createDatabase('content'),
      targetServer.createDatabase('control'),
    ])
    const source = createPool(forumUrl, { name: 'forum', max: 20 })
    const target = createPool(contentUrl, { name: 'content', max: 20 })
    await source.query(FORUM_SCHEMA)
    await target.query(SERVICE_SCHEMA)
    const engineUrl = async (pool: Pool, url: string, database: string, schema: string) =>
      on.role ? asEngineRole(pool, url, database, schema, on.role) : url
    const engineSource = await engineUrl(source, forumUrl, 'forum', 'public')
    const engineTarget = await engineUrl(target, contentUrl, 'content', 'content')
    const users = await createUsers(source)
    const apps = await Promise.all([startForum(source), startContentService(target, IDENTITY_KEY)])
    const [forum, content] = apps
    const plan: PlanOfTables = {
      // A fixed port: an engine that is started again is found where the former was.
      control: { databaseUrl: controlUrl, token: TOKEN, port: await freePort() },
      monolith: { url: forum.url, databaseUrl: engineSource },
      gateway: {
        port: 0,
        identityKey: IDENTITY_KEY,
        auth: {
          kind: 'session',
          header: 'x-session',
          databaseUrl: forumUrl,
          query: 'SELECT "accountId" FROM public."Sessions" WHERE token = $1',
        },
      },
      extractions: [
        {
          name: 'posts',
          service: { url: content.url, databaseUrl: engineTarget },
          routes: ['/api/posts', '/api/posts/*'].map((path) => ({
            methods: [],
            path,
            rewrite: { from: '/api', to: '/v1' },
          })),
          tables: FORUM_TABLES,
          steps: [
            { percent: 10, seconds: 0.5 },
            { percent: 100, seconds: 0.5 },
          ],
          // One process serves all of it: latencies say nothing here.
          gates: { minimumRequests: 10, latencyRatio: 1000 },
          // All of it shares the machine with other tests: nobody is to be refused for that.
          handover: { holdBudgetMs: 8_000 },
          // Lists change all the time here: most answers cannot be judged.
          shadow: { minimumCompared: 5 },
          soakSeconds: 0.5,
          ...change,
        },
      ],
    }
    return new ForumSystem({ server, targetServer, source, target, plan, users, apps })
  }

  get plan(): Plan {
    return this.#plan
  }

  /** The extraction it has from the start, for others to be like it. */
  get posts(): TablesPlan {
    return this.#posts
  }

  /** Another extraction of the same monolith, before an engine is started. */
  add(extraction: ExtractionPlan): void {
    this.#plan = { ...this.#plan, extractions: [...this.#plan.extractions, extraction] }
  }

  /** @param port 0 for a second one beside the first. */
  async startEngine(port?: number): Promise<RunningEngine> {
    const engine = await startEngine(this.plan, {
      ...(port === undefined ? {} : { port }),
      log: pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
    })
    this.#engines.push(engine)
    return engine
  }

  async stopEngine(engine: RunningEngine): Promise<void> {
    this.#engines.splice(this.#engines.indexOf(engine), 1)
    await engine.close()
  }

  async startGateway(id: string, control: readonly string[]): Promise<Gateway> {
    const gateway = createGateway({
      id,
      listen: { port: 0 },
      admin: { port: 0, token: TOKEN },
      monolith: this.plan.monolith.url,
      identityKey: IDENTITY_KEY,
      auth: this.plan.gateway.auth,
      control: { urls: control, token: TOKEN },
      logLevel: 'silent',
    })
    await gateway.listen()
    this.#gateways.push(gateway)
    return gateway
  }

  async control(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
    engine: RunningEngine = this.#engines[0]!,
  ) {
    const answer = await request(new URL(path, engine.url), {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return { status: answer.statusCode, body: (await answer.body.json()) as unknown }
  }

  act(action: string, body: ActionRequest = {}, name = 'posts') {
    return this.control('POST', `/v1/extractions/${name}/${action}`, body)
  }

  async status(name = 'posts'): Promise<ExtractionStatus> {
    return (await this.control('GET', `/v1/extractions/${name}`)).body as ExtractionStatus
  }

  async ledger(name = 'posts'): Promise<LedgerEntry[]> {
    const { body } = await this.control('GET', `/v1/extractions/${name}/ledger`)
    return (body as { entries: LedgerEntry[] }).entries
  }

  /** Looks until the extraction is as wanted; throws when it pauses or rolls back instead. */
  async await(
    wanted: (status: ExtractionStatus) => boolean,
    name = 'posts',
  ): Promise<ExtractionStatus> {
    for (;;) {
      const status = await this.status(name)
      if (wanted(status)) return status
      if (status.paused || status.phase === 'rolled back') {
        const ledger = await this.ledger(name)
        const last = [...ledger.filter((entry) => entry.what === 'rollback'), ...ledger.slice(-4)]
        throw new Error(`it is ${status.phase}, paused ${status.paused}: ${JSON.stringify(last)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Looks until a condition holds; the test's own time limit ends it. */
  async waitFor(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50))
  }

  awaitPhase(phase: Phase, name = 'posts'): Promise<ExtractionStatus> {
    return this.await((status) => status.phase === phase, name)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.close()))
    await Promise.all(this.#engines.map((engine) => engine.close()))
    await Promise.all(this.#apps.map((app) => app.close()))
    await Promise.all([this.source.end(), this.target.end()])
    await this.#targetServer.stop()
    await this.server.stop()
  }
}

interface ForumPlace {
  /** Majors; the installed one when left out. */
  readonly source?: number
  /** The source's server when left out. */
  readonly target?: number
  /** A role without superuser rights that the engine uses, with exactly the rights of docs/postgresql.md. */
  readonly role?: string
}

function version(major: number | undefined): { version: number } | undefined {
  return major === undefined ? undefined : { version: major }
}

/** Makes the role, gives it its rights in this database, and answers the URL it connects with. */
async function asEngineRole(
  pool: Pool,
  url: string,
  database: string,
  schema: string,
  role: string,
): Promise<string> {
  await pool.query(`
    DO $$ BEGIN
      IF to_regrole('forum_owner') IS NULL THEN
        CREATE ROLE forum_owner;
        ${engineRole(role)}
      END IF;
    END $$;
    ${engineRights(role, database)}
    GRANT USAGE, CREATE ON SCHEMA ${schema} TO forum_owner`)
  const { rows } = await pool.query<{ alter: string }>(
    `SELECT format('ALTER TABLE %s OWNER TO forum_owner', c.oid::regclass) AS alter
       FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = $1::regnamespace`,
    [schema],
  )
  for (const { alter } of rows) await pool.query(alter)
  return Object.assign(new URL(url), { username: role, password: 'pw' }).href
}

const engineRole = (role: string) => `
  CREATE ROLE ${role} LOGIN PASSWORD 'pw' REPLICATION;
  GRANT pg_monitor, forum_owner TO ${role};
  GRANT SET ON PARAMETER session_replication_role TO ${role};`

/** What has to be granted in each database. */
const engineRights = (role: string, database: string) => `
  GRANT CREATE ON DATABASE ${database} TO ${role};
  GRANT EXECUTE ON FUNCTION pg_replication_origin_create(text), pg_replication_origin_drop(text),
    pg_replication_origin_session_setup(text) TO ${role};`

async function createUsers(source: Pool): Promise<ForumUser[]> {
  await source.query(`
    INSERT INTO public."Accounts" (name) SELECT 'account ' || i FROM generate_series(1, ${USERS}) i;
    INSERT INTO public."Sessions" SELECT 'session-' || id, id FROM public."Accounts";
    INSERT INTO public."Posts" ("authorId", "Title", body)
      SELECT 1 + i % ${USERS}, 'old post ' || i, repeat('text ', i % 50) FROM generate_series(1, ${OLD_POSTS}) i;
    INSERT INTO public."PostTags" SELECT "Id", 1 + "Id" % 20, "authorId" FROM public."Posts";
  `)
  return Array.from({ length: USERS }, (_, i) => ({
    token: `session-${i + 1}`,
    account: String(i + 1),
  }))
}
