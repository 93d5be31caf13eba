import type { Pool } from '@banyan/postgres'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { type ExtractionPlan, resolveExtraction, resolveNotify } from '../plan.ts'
import type { LedgerEntry } from '../status.ts'
import { examplePlan } from '../testing/example-plan.ts'
import { type RunningApp, startApp } from '../testing/http-app.ts'
import { Notices } from './notices.ts'

let app: RunningApp
let heard: { path: string; id: string; text: string; skipped?: number }[] = []
/** Paths that take nothing. */
let away: string[] = []

vi.setConfig({ testTimeout: 30_000 })
const come = { timeout: 20_000, interval: 20 }

beforeAll(async () => {
  app = await startApp(async ({ path, body }) => {
    const { id, text, skipped } = body as { id: string; text: string; skipped?: number }
    heard.push({ path, id, text, ...(skipped === undefined ? {} : { skipped }) })
    return { status: away.includes(path) ? 503 : 200 }
  })
})
beforeEach(() => {
  heard = []
  away = []
})
afterAll(() => app.close())

/** What the two tables would say: the ledger, and up to where each address has been told. */
class Tables {
  readonly entries: LedgerEntry[] = []
  readonly cursors = new Map<string, { seq: number; skipped: number; why?: string | null }>()

  add(what: string, at = new Date()): void {
    const seq = this.entries.length + 1
    const hash = String(seq).padEnd(64, '-')
    const entry = { seq, at: at.toISOString(), extraction: 'things', kind: 'fact' as const, what }
    this.entries.push({ ...entry, detail: {}, previous: '', hash })
  }

  readonly ledger = {
    read: async (_: string | null, after = 0, limit = 10_000) =>
      this.entries.filter(({ seq }) => seq > after).slice(0, limit),
  }

  readonly pool = {
    query: async (sql: string, [target, ...values]: [string, number, number]) => {
      const known = this.cursors.get(target) ?? { seq: this.entries.length, skipped: 0 }
      if (sql.includes('seq = $2')) Object.assign(known, { seq: values[0], skipped: values[1] })
      if (sql.includes('coalesce(failing_since')) Object.assign(known, { why: values[0] })
      this.cursors.set(target, known)
      return { rows: [{ ...known }] }
    },
  } as unknown as Pool
}

/** An engine that tells, until it is stopped. */
function telling(tables: Tables, names: readonly string[], change: Partial<ExtractionPlan> = {}) {
  const plan = examplePlan(change as object)
  const notify = names.map((name) => ({ name, url: `${app.url}/${name}` }))
  const abort = new AbortController()
  const running = new Notices({
    ...{ pool: tables.pool, ledger: tables.ledger, log: pino({ level: 'silent' }) },
    plans: [resolveExtraction(plan, 'things')],
    notify: resolveNotify({ ...plan, notify }),
  }).run(abort.signal)
  return async () => {
    abort.abort()
    await running
  }
}

const told = (name: string) => heard.filter(({ path }) => path === `/${name}`)
const texts = (name: string) => told(name).map(({ text }) => text)
/** It has been asked up to where it was told: what is added from now on is to be told. */
const begun = (tables: Tables, ...names: string[]) =>
  expect.poll(() => names.every((name) => tables.cursors.has(`notify ${name}`)), come).toBe(true)

it('tells of what comes after an address is new, and the next engine goes on from there', async () => {
  const tables = new Tables()
  tables.add('copying')
  const stop = telling(tables, ['ops'])
  await begun(tables, 'ops')
  for (let i = 0; i < 150; i++) tables.add('hold')
  tables.add('verifying')
  await expect.poll(() => texts('ops'), come).toEqual(['things: verifying'])
  await expect.poll(() => tables.cursors.get('notify ops')?.seq, come).toBe(152)
  await stop()
  tables.add('shadowing')
  const stopNext = telling(tables, ['ops'])
  await expect.poll(() => texts('ops'), come).toHaveLength(2)
  await stopNext()
  expect(texts('ops')).toEqual(['things: verifying', 'things: shadowing'])
})

it('tells the others while one is away, and that one again, with the same id, when it is back', async () => {
  const tables = new Tables()
  away = ['/gone']
  const stop = telling(tables, ['gone', 'there'])
  await begun(tables, 'gone', 'there')
  tables.add('verifying')
  tables.add('shadowing')
  await expect.poll(() => texts('there'), come).toHaveLength(2)
  await expect.poll(() => tables.cursors.get('notify gone')?.why, come).toBe('answered 503: ')
  away = []
  await expect.poll(() => texts('gone').at(-1), come).toBe('things: shadowing')
  await stop()
  // In their order: the second waited for the first.
  const ids = told('gone').map(({ id }) => id)
  expect([...new Set(ids)]).toEqual(told('there').map(({ id }) => id))
  expect(ids.length).toBeGreaterThan(2)
})

it('leaves out what is a day old, and says how much that was', async () => {
  const tables = new Tables()
  const old = new Date(Date.now() - 25 * 3_600_000)
  tables.cursors.set('notify ops', { seq: 0, skipped: 0 })
  tables.add('copying', old)
  tables.add('verifying', old)
  const stop = telling(tables, ['ops'])
  await expect.poll(() => tables.cursors.get('notify ops')?.seq, come).toBe(2)
  tables.add('shadowing')
  await expect.poll(() => told('ops'), come).toHaveLength(1)
  await stop()
  expect(told('ops')[0]).toMatchObject({ text: 'things: shadowing', skipped: 2 })
})
