import { createGateway, type Gateway } from '@banyan/gateway'
import { EmbeddedPostgres, freePort } from '@banyan/postgres'
import { pino } from 'pino'
import { ControlClient } from '../control-client.ts'
import { type RunningEngine, startEngine } from '../engine.ts'
import type { ExtractionPlan, Plan, ServicePlan } from '../plan.ts'
import type { ExtractionStatus } from '../status.ts'
import type { NotifyPlan } from '../webhooks/setting.ts'
import { type Answer, type RunningApp, startApp } from './http-app.ts'

const TOKEN = 'a-control-token-for-tests'
const IDENTITY_KEY = 'an-identity-key-for-tests'
const USERS = Array.from({ length: 40 }, (_, i) => `user-${i}`)
const INTERNAL = '/internal/v1/index'

/** An application that answers everything alike, but for what a test makes it do. */
export class Side {
  /** Paths it was asked, by whoever. */
  readonly asked: string[] = []
  #app: RunningApp | null = null
  #answer: ((path: string) => Answer | null) | null = null

  static async start(): Promise<Side> {
    const side = new Side()
    side.#app = await startApp(async ({ method, path, body }) => side.#hear(method, path, body))
    return side
  }

  get app(): RunningApp {
    return this.#app!
  }

  /** What is below /internal, by method; null where it has nothing there. */
  internal: ((method: string, body: Record<string, unknown>) => Answer) | null = null

  /** Null lets it answer as ever. */
  answerWith(answer: ((path: string) => Answer | null) | null): void {
    this.#answer = answer
  }

  #hear(method: string, path: string, body: Record<string, unknown>): Answer {
    if (path === INTERNAL && this.internal) return this.internal(method, body)
    this.asked.push(path)
    return this.#answer?.(path) ?? { status: 200, body: { words: path.split('/').at(-1) } }
  }
}

/** Two applications without a database, a gateway and an engine: what moves here is requests alone. */
export class StatelessSystem {
  readonly monolith: Side
  readonly service: Side
  readonly plan: Plan
  readonly control: ControlClient
  readonly #server: EmbeddedPostgres
  #engine: RunningEngine | null = null
  #gateway: Gateway | null = null

  private constructor(server: EmbeddedPostgres, monolith: Side, service: Side, plan: Plan) {
    this.#server = server
    this.monolith = monolith
    this.service = service
    this.plan = plan
    const url = `http://127.0.0.1:${plan.control.port}`
    this.control = new ControlClient({ urls: [url], token: TOKEN, timeoutMs: 5_000 })
  }

  /** @param extractions made of the service's base URL. */
  static async start(
    extractions: (service: string) => readonly ExtractionPlan[],
    services: (service: string) => readonly ServicePlan[] = () => [],
    notify: readonly NotifyPlan[] = [],
  ): Promise<StatelessSystem> {
    const server = await EmbeddedPostgres.start()
    const [monolith, service] = await Promise.all([Side.start(), Side.start()])
    const plan: Plan = {
      control: {
        databaseUrl: await server.createDatabase('control'),
        token: TOKEN,
        port: await freePort(),
      },
      // Nobody listens there: an engine that looked at a side's database would not get far.
      monolith: { url: monolith.app.url, databaseUrl: 'postgres://nobody@127.0.0.1:1/nothing' },
      gateway: {
        port: 0,
        identityKey: IDENTITY_KEY,
        auth: { kind: 'header', name: 'x-user' },
      },
      extractions: extractions(service.app.url),
      services: services(service.app.url),
      notify,
    }
    const system = new StatelessSystem(server, monolith, service, plan)
    await system.startEngine()
    system.#gateway = createGateway({
      id: 'one',
      listen: { port: 0 },
      admin: { port: 0, token: TOKEN },
      monolith: monolith.app.url,
      identityKey: IDENTITY_KEY,
      auth: plan.gateway.auth,
      control: { urls: [`http://127.0.0.1:${plan.control.port}`], token: TOKEN },
      logLevel: 'silent',
    })
    await system.#gateway.listen()
    return system
  }

  async startEngine(): Promise<void> {
    const log = pino({ level: process.env.LOG_LEVEL ?? 'silent' })
    this.#engine = await startEngine(this.plan, { log })
  }

  async stopEngine(): Promise<void> {
    await this.#engine?.close()
    this.#engine = null
  }

  /** The status at which a gateway's client got its answer. */
  async ask(path: string, user: string | null = USERS[0]!): Promise<number> {
    const headers: Record<string, string> = user === null ? {} : { 'x-user': user }
    const answer = await fetch(`http://127.0.0.1:${this.#gateway!.publicPort}${path}`, { headers })
    await answer.text()
    return answer.status
  }

  /** Every user asks once. @returns the paths' answers that were not 200, by status. */
  async everyoneAsks(path: string): Promise<number[]> {
    const statuses = await Promise.all(USERS.map((user) => this.ask(path, user)))
    return statuses.filter((status) => status !== 200)
  }

  /** Looks, and lets everybody ask, until the extraction is as wanted. */
  async until(
    name: string,
    wanted: (status: ExtractionStatus) => boolean,
    path: string,
  ): Promise<{ status: ExtractionStatus; failed: number[] }> {
    const failed: number[] = []
    for (;;) {
      failed.push(...(await this.everyoneAsks(path)))
      const status = await this.control.extraction(name)
      if (wanted(status)) return { status, failed }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async stop(): Promise<void> {
    await this.#gateway?.close()
    await this.stopEngine()
    await Promise.all([this.monolith.app.close(), this.service.app.close()])
    await this.#server.stop()
  }
}
