import { Supervisor } from '@banyan/lab'
import type { Phase } from '@banyan/migration'
import pg from 'pg'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testing/processes.ts'
import { type Lego, startLego, startWeb } from '../../topology.ts'
import { go, main, openBrowser, signUp, type Visitor, visit } from '../testing/browser.ts'
import { addWishes, wishes } from '../testing/wishes.ts'

/** One person is no sample: what is looked at here is what they see, not what the gates think of it. */
const PLAN_ENV = {
  BANYAN_STEPS: '50,100',
  BANYAN_STEP_SECONDS: '1',
  BANYAN_SOAK_SECONDS: '1',
  BANYAN_MINIMUM_REQUESTS: '0',
  BANYAN_MINIMUM_COMPARED: '1',
  BANYAN_SHADOW_DIFFERENCE: '1',
  BANYAN_LATENCY_RATIO: '1000',
  BANYAN_HANDOVER_ATTEMPTS: '1000',
}
const BY = { by: 'test' }
const MOVING = ['wishlist', 'profile'] as const
const MOVE_MS = 100_000

describe('the page while the wishlist and the profiles move out under it', () => {
  let supervisor: Supervisor
  let browser: Browser
  let lego: Lego
  let ada: Visitor
  beforeAll(async () => {
    supervisor = await Supervisor.create({ name: 'banyan-web' })
    ;[browser, lego] = await Promise.all([
      openBrowser(),
      startLego(supervisor, {
        extractions: MOVING,
        ...{ rows: 300, users: 30, seed: 5, engines: 1 },
        documentedPorts: false,
        env: PLAN_ENV,
        onStep: () => {},
      }),
    ])
    ada = await visit(browser, (await startWeb(supervisor, lego)).url)
    await signUp(ada, 'ada')
  })
  afterAll(async () => {
    await browser?.close()
    await supervisor?.stopAll()
  })

  /** A round of work: a wish moved, one ticked, the profile changed and read again. @returns what the profile says now */
  async function work(round: number): Promise<string> {
    const { page } = ada
    const name = `Ada, round ${round}`
    await go(ada, 'Wishlist')
    await page.getByRole('heading', { name: 'Monorail' }).waitFor()
    const [first] = await wishes(ada)
    await page.getByRole('button', { name: `Move ${first} down` }).click()
    await main(ada).getByText('The order is saved').waitFor()
    await page.getByRole('checkbox', { name: 'Have it: Monorail' }).click()
    await go(ada, 'Profile')
    await page.getByLabel('Name that others see').fill(name)
    await page.getByRole('button', { name: 'Save' }).click()
    await main(ada).getByText('Saved', { exact: true }).waitFor()
    expect(await page.getByRole('alert').allInnerTexts()).toEqual([])
    // Nothing is taken from what the page remembers.
    await page.reload()
    await main(ada).getByText(name).waitFor()
    return name
  }

  /** Works until both are there, and answers what was done last. */
  async function workUntil(phase: Phase, from: number): Promise<{ name: string; rounds: number }> {
    const deadline = Date.now() + MOVE_MS
    for (let rounds = 1; ; rounds++) {
      const name = await work(from + rounds)
      const all = await Promise.all(MOVING.map((one) => lego.controls[0]!.extraction(one)))
      if (all.every((status) => status.phase === phase)) return { name, rounds }
      const where = all.map((status) => `${status.phase}: ${status.waitsFor.join('; ')}`)
      if (Date.now() > deadline) throw new Error(`not ${phase} in time: ${where.join(', ')}`)
    }
  }

  it(
    'goes on as if nothing were, and all that was done is at the services',
    async () => {
      const { page } = ada
      const [control] = lego.controls
      await addWishes(ada, ['Lighthouse', 'Monorail', 'Galleon'])
      await work(0)
      for (const name of MOVING) await control!.act(name, 'start', BY)
      const soaking = await workUntil('soaking', 0)
      for (const name of MOVING) await control!.act(name, 'complete', BY)
      const { name } = await workUntil('completed', soaking.rounds)

      // The page was told of no failure, but that there was no profile at first.
      expect(ada.failures.filter((failure) => failure !== '404 GET /api/users/me')).toEqual([])
      await go(ada, 'Wishlist')
      await page.getByRole('listitem').first().waitFor()
      const shown = await wishes(ada)
      const email = await page.locator('.who-name').innerText()
      const userId = await one(lego.urls.auth, 'SELECT id FROM users WHERE email = $1', email)
      const titles =
        'SELECT array_agg(title ORDER BY position) FROM wishlist.items WHERE owner_id = $1'
      await eventually('the service has the order that is shown', async () => {
        const kept = (await one(lego.urls.wishlist, titles, userId)) as unknown as string[]
        return kept.join() === shown.join()
      })
      const saved = 'SELECT display_name FROM profile.profiles WHERE user_id = $1'
      expect(await one(lego.urls.profile, saved, userId)).toBe(name)
      expect(soaking.rounds).toBeGreaterThan(1)
    },
    2 * MOVE_MS,
  )
})

/** The first value of the first row. */
async function one(database: string, query: string, value: string): Promise<string> {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  try {
    const { rows } = await client.query({ text: query, values: [value], rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end()
  }
}
