import { Supervisor } from '@banyan/lab'
import type { ExtractionStatus } from '@banyan/migration'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../testing/processes.ts'
import { type Lego, startLego } from '../topology.ts'
import { Trial, TrialLoad } from '../trial.ts'
import {
  openBrowser,
  seriousFaults,
  takePicture,
  type Visitor,
  visit,
} from '../web/testing/browser.ts'

/** Steps wait for a person; the figures of a busy machine do not decide. */
const PLAN_ENV = {
  BANYAN_STEPS: '10,100',
  BANYAN_STEP_NEXT: 'manual',
  BANYAN_STEP_SECONDS: '1',
  BANYAN_SOAK_SECONDS: '1',
  BANYAN_MINIMUM_REQUESTS: '1',
  BANYAN_MINIMUM_COMPARED: '1',
  BANYAN_SHADOW_DIFFERENCE: '1',
  BANYAN_LATENCY_RATIO: '1000',
  BANYAN_HANDOVER_ATTEMPTS: '1000',
}
const NAME = 'wishlist'
const TOKEN = 'lego-control-token'
const LOOKS: readonly [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light', viewport: { width: 1360, height: 900 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1360, height: 900 } }],
  ['phone', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
]

describe('the console, on an extraction that is under way', () => {
  let supervisor: Supervisor
  let browser: Browser
  let lego: Lego
  let ada: Visitor
  beforeAll(async () => {
    supervisor = await Supervisor.create({ name: 'banyan-console' })
    ;[browser, lego] = await Promise.all([
      openBrowser(),
      startLego(supervisor, {
        extractions: [NAME, 'profile'],
        ...{ rows: 3_000, users: 100, seed: 5, engines: 1 },
        documentedPorts: false,
        env: PLAN_ENV,
        onStep: () => {},
      }),
    ])
    await Trial.begin(new TrialLoad(supervisor), lego, { people: 20, rate: 40, seed: 5 })
    ada = await visit(browser, lego.engines[0]!.url, LOOKS[0]![1])
  })
  afterAll(async () => {
    await browser?.close()
    await supervisor?.stopAll()
  })

  /** Beside the extraction's name. */
  const badge = (text: string) => ada.page.locator('.title').getByText(text, { exact: true })
  const standing = () => lego.controls[0]!.extraction(NAME)
  const stands = (what: string, holds: (status: ExtractionStatus) => boolean) =>
    eventually(what, async () => holds(await standing()))

  async function signIn({ page }: Visitor, name: string, token: string): Promise<void> {
    await page.getByLabel('Your name, for the ledger').fill(name)
    await page.getByLabel('Token').fill(token)
    await page.getByLabel('Token').press('Enter')
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
  }

  /** By keyboard alone, with a reason. */
  async function decide(button: RegExp, why: string): Promise<void> {
    const { page } = ada
    await page.getByRole('button', { name: button }).press('Enter')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel(/^Why\?/).fill(why)
    await dialog.getByLabel(/^Why\?/).press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
  }

  /** Decides nothing. What is asked again before the dialog is gone would go with it. */
  async function leave(): Promise<void> {
    await ada.page.keyboard.press('Escape')
    await ada.page.getByRole('dialog').waitFor({ state: 'detached' })
  }

  it('refuses a wrong token, and takes the right one', async () => {
    const { page } = ada
    await page.getByLabel('Your name, for the ledger').fill('Ada')
    await page.getByLabel('Token').fill('no-such-token-at-all')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').getByText('The token is not valid').waitFor()
    await signIn(ada, 'Ada', TOKEN)
    ada.failures.splice(0)
  })

  it('starts an extraction, says what that does, and shows how it goes', async () => {
    const { page } = ada
    await page.getByRole('link', { name: NAME, exact: true }).first().click()
    await page.getByRole('heading', { name: NAME, level: 1 }).waitFor()
    await page.getByRole('button', { name: /^Start/ }).click()
    const dialog = page.getByRole('dialog')
    // Of the plan, with what the database tells of it.
    await dialog.getByText('public.wishlist_items').first().waitFor()
    await leave()
    expect((await standing()).phase).toBe('planned')
    await decide(/^Start/, 'the first one')
    await badge('canary').waitFor()
    await page.getByRole('list', { name: 'Phases' }).locator('[aria-current=step]').waitFor()
    await stands('it waits for a person', ({ waitsFor }) => waitsFor.includes('promote'))
  })

  it('pauses, goes on, rolls back and promotes, each with who and why in the ledger', async () => {
    const { page } = ada
    await decide(/^Pause/, 'lunch')
    await stands('it is paused', ({ paused }) => paused)
    await badge('canary, paused').waitFor()
    await decide(/^Resume/, 'back again')
    await stands('it goes on', ({ paused }) => !paused)
    await decide(/^Roll back/, 'support tickets')
    await badge('rolled back').waitFor()
    await stands('all is at the monolith', ({ percent }) => percent === 0)
    await page.getByRole('button', { name: /^Promote/ }).click()
    await page.getByRole('dialog').getByLabel('Share of the service').selectOption('100 %')
    await page
      .getByRole('dialog')
      .getByText(/handover of 1,024 of 1,024 buckets/)
      .waitFor()
    await leave()
    await decide(/^Promote to 10 %/, 'mended')
    await stands('the share is there', ({ percent }) => percent === 10)
    await page.getByRole('searchbox', { name: 'Search' }).fill('support tick')
    const found = page.getByRole('region', { name: 'Ledger' }).locator('q')
    await eventually('the search finds one', async () => (await found.count()) === 1)
    await page.getByRole('searchbox', { name: 'Search' }).fill('')
    const { entries, verified } = await lego.controls[0]!.ledger(NAME)
    const decided = entries.filter(({ kind, detail }) => kind === 'decision' && detail.by === 'Ada')
    expect(decided.map(({ what, detail }) => [what, detail.why])).toEqual([
      ['start', 'the first one'],
      ['pause', 'lunch'],
      ['resume', 'back again'],
      ['rollback', 'support tickets'],
      ['promote', 'mended'],
    ])
    expect(verified).toBe(true)
    expect(ada.failures).toEqual([])
  })

  it.each(LOOKS)(
    '%s: has no serious fault for assistive technology, and fits',
    async (look, options) => {
      const { path } = await lego.controls[0]!.signInLink('Grace')
      const grace = await visit(browser, lego.engines[0]!.url, options)
      const { page } = grace
      await check(grace, `console-sign-in-${look}`)
      await page.goto(path)
      await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
      await page.getByRole('heading', { name: NAME, level: 3 }).waitFor()
      await check(grace, `console-overview-${look}`)
      await page.goto(`/extractions/${NAME}`)
      await page.getByRole('img', { name: /^Requests\/s: now monolith/ }).waitFor()
      await page.getByText('Comparison of all rows').waitFor()
      await check(grace, `console-extraction-${look}`)
      await page.getByRole('button', { name: /^Promote/ }).click()
      await page.getByRole('dialog').waitFor()
      await check(grace, `console-decision-${look}`)
      await page.context().close()
    },
  )

  it('a link signs in once; a viewer watches, and is refused whatever decides', async () => {
    const { path } = await lego.controls[0]!.signInLink('Grace', 'viewer')
    const grace = await visit(browser, lego.engines[0]!.url)
    await grace.page.goto(path)
    await grace.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    await grace.page.goto(`/extractions/${NAME}`)
    await grace.page.getByText('You are signed in as a viewer').waitFor()
    const refused = await grace.page.evaluate(`(async () => {
      const { forgeryToken } = await (await fetch('/console/session')).json()
      const answer = await fetch('/v1/extractions/${NAME}/pause', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-banyan-forgery': forgeryToken },
        body: '{"why":"none"}',
      })
      return answer.status
    })()`)
    expect(refused).toBe(403)
    const second = await visit(browser, lego.engines[0]!.url)
    await second.page.goto(path)
    await second.page.getByRole('alert').getByText('The link is not valid').waitFor()
    await Promise.all([grace.page.context().close(), second.page.context().close()])
  })

  it('says that it hears nothing while the engine is away, and goes on when it is back', async () => {
    const { page } = ada
    const [engine] = lego.engines
    await engine!.kill()
    await page.getByText(/Reconnecting; last heard \d+ s ago/).waitFor()
    await engine!.start()
    await page.getByText(/^Live ·.* leads/).waitFor()
    await eventually(
      'an engine leads',
      async () => (await lego.controls[0]!.status()).engine.active !== null,
    )
    ada.failures.splice(0)
  })

  it('completes it', async () => {
    const { page } = ada
    await decide(/^Promote to 100 %/, 'all of it')
    await stands('it soaks', ({ phase }) => phase === 'soaking')
    await page.getByRole('button', { name: /^Complete/ }).click()
    await page.getByRole('dialog').getByText('there is no way back').first().waitFor()
    await leave()
    await decide(/^Complete/, 'done')
    await stands('it is completed', ({ phase }) => phase === 'completed')
    await badge('completed').waitFor()
    await takePicture(ada, 'console-completed-light')
    expect(ada.failures).toEqual([])
  })
})

/** Nothing serious for those who do not see it, nothing wider than the screen, and a picture for those who do. */
async function check(visitor: Visitor, name: string): Promise<void> {
  const { page } = visitor
  await takePicture(visitor, name)
  expect(await seriousFaults(visitor)).toEqual([])
  const excess = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
  expect(await page.evaluate<number>(excess)).toBeLessThanOrEqual(0)
}
