import { timingSafeEqual } from 'node:crypto'
import { BanyanError, PROBLEM_TYPE } from '@banyan/contracts'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { z } from 'zod'
import { checkRepair, decide } from './decisions.ts'
import type { Gateways } from './gateways.ts'
import type { Hub } from './hub.ts'
import type { Ledger } from './ledger.ts'
import type { ResolvedExtraction } from './plan.ts'
import type { RepairDesk } from './repair-desk.ts'
import { initialStatus } from './report.ts'
import {
  ACTIONS,
  type Action,
  type ControlStatus,
  type ExtractionStatus,
  type ThrottleStatus,
} from './status.ts'
import type { ExtractionRow, Store } from './store.ts'
import { explain } from './why.ts'

export interface ControlApiOptions {
  readonly token: string
  readonly store: Store
  readonly ledger: Ledger
  readonly repairs: RepairDesk
  readonly gateways: Gateways
  readonly hub: Hub
  readonly plans: readonly ResolvedExtraction[]
  /** Who holds the lease, and who answers. */
  engine(): Promise<ControlStatus['engine']>
}

const STATUS_INTERVAL_MS = 500
/** A comment this often tells a reader of a quiet stream that it is still there. */
const KEEP_ALIVE_MS = 15_000

const actionRequest = z.strictObject({
  percent: z.number().optional(),
  rowsPerSecond: z.number().nullable().optional(),
  confirm: z.string().max(200).optional(),
  by: z.string().max(200).optional(),
  why: z.string().max(2000).optional(),
})

const repairRequest = z.strictObject({
  table: z.string().min(1).max(200),
  key: z.array(z.string().max(10_000)).min(1).max(32),
  values: z.boolean().optional(),
  by: z.string().max(200).optional(),
  why: z.string().max(2000).optional(),
})

const registration = z.strictObject({
  id: z.string().min(1).max(200),
  adminUrl: z.url(),
  publicUrl: z.url(),
})

const renewal = z.looseObject({ version: z.number().int().min(0) })

/** The control API: what the CLI, the console and the gateways talk to. Any engine answers it, active or not. */
export function createControlApi(options: ControlApiOptions): FastifyInstance {
  const { store, ledger, gateways, hub, plans } = options
  const app = Fastify({ logger: false, bodyLimit: 64 * 1024, forceCloseConnections: true })

  app.setErrorHandler((error, _request, reply) => answerProblem(reply, error))
  app.setNotFoundHandler((request, reply) =>
    answerProblem(
      reply,
      new BanyanError('BAD_REQUEST', { reason: `there is no ${request.method} ${request.url}` }),
    ),
  )
  app.addHook('onRequest', async (request) => {
    if (request.url !== '/health' && !authorised(request.headers.authorization, options.token)) {
      throw new BanyanError('UNAUTHORISED')
    }
  })

  app.get('/health', async () => ({ status: 'ok' }))
  app.get('/v1/status', () => status())
  app.get<{ Params: { name: string } }>('/v1/extractions/:name', async (request) =>
    statusOf(await store.read(request.params.name)),
  )
  app.get<{ Params: { name: string } }>('/v1/extractions/:name/why', async (request) => {
    const own = statusOf(await store.read(request.params.name))
    return explain(own, await status())
  })
  app.get<{ Params: { name: string }; Querystring: { after?: string } }>(
    '/v1/extractions/:name/ledger',
    async (request) => {
      await store.read(request.params.name)
      const after = parse(z.coerce.number().int().min(0).default(0), request.query.after)
      const entries = await ledger.read(request.params.name, after)
      const { verified } = await ledger.verify()
      return { entries, verified }
    },
  )
  app.post<{ Params: { name: string } }>('/v1/extractions/:name/repair', async (request) => {
    checkRepair(await store.read(request.params.name))
    return options.repairs.ask(request.params.name, parse(repairRequest, request.body ?? {}))
  })
  app.post<{ Params: { name: string; action: string } }>(
    '/v1/extractions/:name/:action',
    async (request, reply) => {
      const { name } = request.params
      const row = await store.read(name)
      const action = parse(z.enum(ACTIONS), request.params.action) as Action
      const plan = plans.find((one) => one.name === name)
      if (!plan) {
        throw new BanyanError('NO_SUCH_EXTRACTION', {
          given: name,
          known: plans.map((one) => one.name).join(', '),
        })
      }
      await decide(store, plan, action, parse(actionRequest, request.body ?? {}))
      reply.code(202)
      return statusOf(await store.read(row.name))
    },
  )
  app.post('/v1/gateways', async (request) => gateways.register(parse(registration, request.body)))
  app.post<{ Params: { id: string } }>('/v1/gateways/:id/renew', async (request) => {
    const lease = await gateways.renew(request.params.id, parse(renewal, request.body).version)
    if (!lease) {
      throw new BanyanError('NO_SUCH_GATEWAY', { given: request.params.id })
    }
    return lease
  })
  app.delete<{ Params: { id: string } }>('/v1/gateways/:id', async (request, reply) => {
    await gateways.unregister(request.params.id)
    return reply.code(204).send()
  })
  app.get('/v1/events', async (request, reply) => {
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      connection: 'keep-alive',
    })
    const send = (event: string, data: unknown) =>
      raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    const onEntry = (entry: unknown) => send('ledger', entry)
    let last = ''
    const sendStatus = async () => {
      const now = await status().catch(() => null)
      if (!now) return
      const text = JSON.stringify(now.extractions)
      if (text !== last) send('status', now)
      last = text
    }
    hub.on('entry', onEntry)
    const statusTimer = setInterval(sendStatus, STATUS_INTERVAL_MS)
    const aliveTimer = setInterval(() => raw.write(':\n\n'), KEEP_ALIVE_MS)
    await sendStatus()
    request.raw.on('close', () => {
      clearInterval(statusTimer)
      clearInterval(aliveTimer)
      hub.off('entry', onEntry)
    })
  })

  async function status(): Promise<ControlStatus> {
    const [engine, all, rows] = await Promise.all([
      options.engine(),
      gateways.status(),
      store.readAll(),
    ])
    return { engine, gateways: all, extractions: rows.map(statusOf) }
  }

  return app
}

/** The engine's newest figures, under the row's own phase: a decision shows at once. */
function statusOf(row: ExtractionRow): ExtractionStatus {
  const known = row.status ?? initialStatus(row)
  // Before the copy begins nobody but an operator limits it.
  const waiting = row.copyLimit !== null && ['planned', 'cancelled'].includes(row.phase)
  const throttle: ThrottleStatus = waiting
    ? { rowsPerSecond: row.copyLimit, by: 'hand', why: 'banyan throttle' }
    : known.copy.throttle
  return {
    ...known,
    copy: { ...known.copy, throttle },
    percent: row.phase === 'abandoned' ? 0 : known.percent,
    phase: row.phase,
    phaseSince: row.phaseSince.toISOString(),
    paused: row.paused,
    pausedWhy: row.pausedWhy,
    goal: row.goal,
  }
}

function parse<T>(schema: z.ZodType<T>, given: unknown): T {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const where = issue.path.join('.')
  throw new BanyanError('BAD_REQUEST', {
    reason: where ? `${where}: ${issue.message}` : issue.message,
  })
}

function authorised(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '')
  const expected = Buffer.from(`Bearer ${token}`)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

function answerProblem(reply: FastifyReply, error: unknown): FastifyReply {
  const known =
    error instanceof BanyanError
      ? error
      : new BanyanError(statusCodeOf(error) < 500 ? 'BAD_REQUEST' : 'CONTROL_FAILED', {
          reason: (error as Error).message,
        })
  return reply.code(known.status).type(PROBLEM_TYPE).send(JSON.stringify(known.toProblem()))
}

function statusCodeOf(error: unknown): number {
  return (error as { statusCode?: number }).statusCode ?? 500
}
