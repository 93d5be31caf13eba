import { BanyanError } from '@banyan/contracts'
import { type App, createHttpApp, type HttpAppParts, noSuch } from '@banyan/service/http'
import { z } from 'zod'
import { type Identify, requireCaller } from './callers.ts'
import { answerConsole, plannedOf } from './console-routes.ts'
import { watchMigration } from './control-metrics.ts'
import {
  controlStatus,
  extractionStatus,
  ledgerAnswer,
  repairAnswer,
  retirement,
  whyAnswer,
} from './control-schemas.ts'
import { checkRepair, decide, noteArchived } from './decisions.ts'
import { EventFeed } from './event-feed.ts'
import { gatewayLease, registration, renewal, routeTableAnswer } from './gateway-schemas.ts'
import type { Gateways } from './gateways.ts'
import { History } from './history.ts'
import type { Hub } from './hub.ts'
import type { Ledger } from './ledger.ts'
import type { Plan, ResolvedExtraction } from './plan.ts'
import type { RepairDesk } from './repair-desk.ts'
import { initialStatus } from './report.ts'
import { actionRequest, archivedRequest, repairRequest, retireRequest } from './request-schemas.ts'
import { refuseWhenRetired, retireMonolith } from './retirement.ts'
import {
  ACTIONS,
  type ControlStatus,
  type ExtractionStatus,
  type NoticeTrouble,
  type ThrottleStatus,
} from './status.ts'
import type { ExtractionRow, Store } from './store.ts'
import { explain } from './why.ts'

export interface ControlApiOptions
  extends Pick<HttpAppParts, 'log' | 'metrics' | 'health' | 'tracing'> {
  readonly plan: Plan
  readonly store: Store
  readonly ledger: Ledger
  readonly repairs: RepairDesk
  readonly gateways: Gateways
  readonly hub: Hub
  readonly plans: readonly ResolvedExtraction[]
  /** Adds what browsers are shown. */
  readonly console?: ((app: App) => Promise<Identify>) | undefined
  /** Who holds the lease, and who answers. */
  engine(): Promise<ControlStatus['engine']>
  /** Who could not be told of what happens. */
  notices(): Promise<readonly NoticeTrouble[]>
}

const BODY_BYTES = 64 * 1024
/** A hash for each statement that makes a table: some hundred tables. */
const ARCHIVE_BYTES = 1024 * 1024

const named = z.object({ name: z.string() })
const gatewayNamed = z.object({ id: z.string() })

const eventStream = {
  summary: 'Server-sent events: `status` now and at each change, `ledger` for each entry',
  response: {
    200: {
      description: 'Until the client leaves',
      content: { 'text/event-stream': { schema: z.string() } },
    },
  },
}

/** The control API: what the CLI, the console and the gateways talk to. Any engine answers it, active or not. */
export async function createControlApi(options: ControlApiOptions): Promise<App> {
  const { plan, plans, store, ledger, gateways, hub } = options
  const status = async (): Promise<ControlStatus> => {
    const [engine, all, rows, notices] = await Promise.all([
      options.engine(),
      gateways.status(),
      store.readAll(),
      options.notices(),
    ])
    const told = notices.length > 0 ? { notices } : {}
    const retired = (await gateways.table())?.retired ? { retired: true } : {}
    const extractions = rows.map((row) => statusOf(row, plans))
    return { engine, gateways: all, extractions, ...retired, ...told }
  }
  const { log, metrics, health, tracing } = options
  watchMigration(metrics, status)
  const feed = new EventFeed(hub, status)
  const history = new History(async () =>
    (await store.readAll()).map((row) => statusOf(row, plans)),
  )
  const app = await createHttpApp({
    ...{ log, metrics, health, tracing },
    // Whoever serves it to another machine puts a proxy with a certificate before it.
    tls: null,
    title: 'Banyan control API',
    limits: { bodyBytes: BODY_BYTES },
  })
  app.addHook('preClose', async () => {
    feed.close()
    history.close()
  })
  history.start()
  const identify = await options.console?.(app)
  const { token, viewerToken } = plan.control
  await app.register(
    async (api) => {
      // What an engine of another version has written is told as it is, not refused by a schema of ours.
      api.setSerializerCompiler(() => JSON.stringify)
      requireCaller(api, { token, viewerToken, identify })
      // Unknown routes below are no exception.
      api.setNotFoundHandler(() => {
        throw noSuch('route')
      })
      answerStatus(api, options, status)
      answerConsole(api, {
        ...{ plan, plans, store, ledger, history },
        statusOf: (row) => statusOf(row, plans),
      })
      answerOperators(api, options)
      answerGateways(api, gateways)
      api.get('/events', { schema: eventStream }, async (_request, reply) => {
        await feed.follow(reply)
      })
    },
    { prefix: '/v1' },
  )
  return app
}

function answerStatus(
  api: App,
  { store, ledger, plans }: ControlApiOptions,
  status: () => Promise<ControlStatus>,
): void {
  api.get(
    '/status',
    { schema: { summary: 'Everything', response: { 200: controlStatus } } },
    status,
  )
  api.get(
    '/extractions/:name',
    { schema: { summary: 'One extraction', params: named, response: { 200: extractionStatus } } },
    async ({ params }) => statusOf(await store.read(params.name), plans),
  )
  api.get(
    '/extractions/:name/why',
    {
      schema: {
        summary: 'Why it stands where it stands',
        params: named,
        response: { 200: whyAnswer },
      },
    },
    async ({ params }) => {
      const own = statusOf(await store.read(params.name), plans)
      return explain(own, await status())
    },
  )
  const after = z.object({ after: z.coerce.number().int().min(0).default(0) })
  const read = async (name: string | null, seq: number) => {
    const entries = await ledger.read(name, seq)
    const { verified } = await ledger.verify()
    return { entries, verified }
  }
  api.get(
    '/extractions/:name/ledger',
    {
      schema: {
        summary: 'Entries after a number, and whether the chain of all holds',
        params: named,
        querystring: after,
        response: { 200: ledgerAnswer },
      },
    },
    async ({ params, query }) => {
      await store.read(params.name)
      return read(params.name, query.after)
    },
  )
  api.get(
    '/ledger',
    {
      schema: {
        summary: 'Entries of all extractions, and of the monolith as a whole',
        querystring: after,
        response: { 200: ledgerAnswer },
      },
    },
    ({ query }) => read(null, query.after),
  )
}

function answerOperators(api: App, options: ControlApiOptions): void {
  const { store, plans, repairs } = options
  api.post(
    '/extractions/:name/repair',
    {
      schema: {
        summary: 'Makes a row on the side that does not own it what it is on its owner’s',
        params: named,
        body: repairRequest,
        response: { 200: repairAnswer },
      },
    },
    async ({ params, body }) => {
      checkRepair(await store.read(params.name), plans)
      return repairs.ask(params.name, body)
    },
  )
  api.post(
    '/retire',
    {
      schema: {
        summary: 'The gateways send nothing to the monolith any more; or again',
        body: retireRequest.nullish(),
        response: { 200: retirement },
      },
    },
    ({ body }) => retireMonolith(options, body ?? {}),
  )
  api.post(
    '/extractions/:name/archived',
    {
      schema: {
        summary: 'The source’s tables are archived, and the archive was read back',
        params: named,
        body: archivedRequest,
        response: { 200: extractionStatus },
      },
      bodyLimit: ARCHIVE_BYTES,
    },
    async ({ params, body }) => {
      await noteArchived(store, params.name, body)
      return statusOf(await store.read(params.name), plans)
    },
  )
  api.post(
    '/extractions/:name/:action',
    {
      schema: {
        summary: 'A decision, written down when this answers, and done by the engine that leads',
        params: named.extend({ action: z.enum(ACTIONS) }),
        body: actionRequest.nullish(),
        response: { 202: extractionStatus },
      },
    },
    async ({ params: { name, action }, body }, reply) => {
      const row = await store.read(name)
      const plan = plannedOf(plans, name)
      if (action === 'start') await refuseWhenRetired(options.gateways, name)
      await decide(store, plan, action, body ?? {})
      reply.code(202)
      return statusOf(await store.read(row.name), plans)
    },
  )
}

function answerGateways(api: App, gateways: Gateways): void {
  api.get(
    '/table',
    {
      schema: {
        summary: 'The route table that every gateway is given',
        response: { 200: routeTableAnswer },
      },
    },
    async () => ({ table: await gateways.table() }),
  )
  api.post(
    '/gateways',
    {
      schema: {
        summary: 'A gateway begins, or begins again at the same admin address',
        body: registration,
        response: { 200: gatewayLease },
      },
      config: { quiet: true },
    },
    ({ body }) => gateways.register(body),
  )
  api.post(
    '/gateways/:id/renew',
    {
      schema: {
        summary: 'A gateway renews its lease, and says which table it has',
        params: gatewayNamed,
        body: renewal,
        response: { 200: gatewayLease },
      },
      config: { quiet: true },
    },
    async ({ params, body }) => {
      const lease = await gateways.renew(params.id, body.version)
      if (!lease) throw new BanyanError('NO_SUCH_GATEWAY', { given: params.id })
      return lease
    },
  )
  api.delete(
    '/gateways/:id',
    {
      schema: {
        summary: 'A gateway ends: no handover waits for it',
        params: gatewayNamed,
        response: { 204: z.null() },
      },
    },
    async ({ params }, reply) => {
      await gateways.unregister(params.id)
      return reply.code(204).send(null)
    },
  )
}

/** The engine's newest figures, under the row's own phase: a decision shows at once. */
function statusOf(row: ExtractionRow, plans: readonly ResolvedExtraction[]): ExtractionStatus {
  const plan = plans.find((one) => one.name === row.name)
  const known = row.status ?? initialStatus(row, plan?.kind ?? 'tables')
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
    ...oldTablesOf(row),
  }
}

/** Without the hash of each statement. */
function oldTablesOf({ oldTables }: ExtractionRow): Pick<ExtractionStatus, 'oldTables'> {
  const { seal, by = 'unknown', dropped = null, refused = null } = oldTables
  if (!seal) return {}
  const { sha256, at, place, tables } = seal
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  return { oldTables: { archive: { sha256, at, place, by, rows }, dropped, refused } }
}
