import { BanyanError } from '@banyan/contracts'
import type { App } from '@banyan/service/http'
import { z } from 'zod'
import { previewActions } from './action-preview.ts'
import {
  actionsAnswer,
  durableTrouble,
  historyAnswer,
  ledgerFound,
  planAnswer,
  systemMap,
} from './control-schemas.ts'
import { readTrouble, redrive } from './durable-desk.ts'
import type { History } from './history.ts'
import type { Ledger } from './ledger.ts'
import type { Plan, ResolvedExtraction } from './plan.ts'
import { stepsOf } from './preview/index.ts'
import { ledgerSearch, redriveRequest } from './request-schemas.ts'
import type { ExtractionStatus } from './status.ts'
import type { ExtractionRow, Store } from './store.ts'
import { mapOf } from './system-map.ts'

const named = z.object({ name: z.string() })

export interface ConsoleRoutes {
  readonly plan: Plan
  readonly plans: readonly ResolvedExtraction[]
  readonly store: Store
  readonly ledger: Ledger
  readonly history: History
  statusOf(row: ExtractionRow): ExtractionStatus
}

/** What a person wants to see before a decision, and of the time before. */
export function answerConsole(api: App, parts: ConsoleRoutes): void {
  const { plan, plans, store, ledger, history } = parts
  const sourceUrl = plan.monolith.databaseUrl
  const planned = (name: string) => plannedOf(plans, name)
  api.get(
    '/system',
    { schema: { summary: 'Who is where, by the plan', response: { 200: systemMap } } },
    () => mapOf(plan, plans),
  )
  api.get(
    '/extractions/:name/plan',
    {
      schema: {
        summary: 'The steps that will be taken, with what the databases tell of them',
        params: named,
        response: { 200: planAnswer },
      },
    },
    async ({ params }) => ({ steps: await stepsOf(planned(params.name), sourceUrl) }),
  )
  api.get(
    '/extractions/:name/actions',
    {
      schema: {
        summary: 'What each action would do now',
        params: named,
        response: { 200: actionsAnswer },
      },
    },
    async ({ params }) => {
      const row = await store.read(params.name)
      const status = parts.statusOf(row)
      return { actions: await previewActions({ row, plan: planned(row.name), status, sourceUrl }) }
    },
  )
  api.get(
    '/extractions/:name/history',
    {
      schema: {
        summary: 'Figures of the last quarter of an hour, as far as this engine was there',
        params: named,
        response: { 200: historyAnswer },
      },
    },
    async ({ params }) => {
      await store.read(params.name)
      return { samples: history.of(params.name) }
    },
  )
  api.get(
    '/ledger/search',
    {
      schema: {
        summary: 'Entries with a text in them, the newest first',
        querystring: ledgerSearch,
        response: { 200: ledgerFound },
      },
    },
    async ({ query }) => ({ entries: await ledger.search(query) }),
  )
  api.get(
    '/extractions/:name/durable',
    {
      schema: {
        summary: 'Dead letters of its service, and sagas that do not go on; without what they hold',
        params: named,
        response: { 200: durableTrouble },
      },
    },
    async ({ params }) => readTrouble(planned(params.name)),
  )
  api.post(
    '/extractions/:name/redrive',
    {
      schema: {
        summary: 'A dead letter runs again as the first time; a stuck saga goes on',
        params: named,
        body: redriveRequest,
        response: { 200: durableTrouble },
      },
    },
    async ({ params, body }) => {
      await redrive(planned(params.name), ledger, body)
      return readTrouble(planned(params.name))
    },
  )
}

/** @throws NO_SUCH_EXTRACTION */
export function plannedOf(plans: readonly ResolvedExtraction[], name: string): ResolvedExtraction {
  const found = plans.find((one) => one.name === name)
  if (found) return found
  const known = plans.map((one) => one.name).join(', ')
  throw new BanyanError('NO_SUCH_EXTRACTION', { given: name, known })
}
