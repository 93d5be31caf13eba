import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core'

/** Pictures of the pages, to be looked at; not committed. */
const PICTURES = fileURLToPath(new URL('../../../../.pictures', import.meta.url))

/** Beyond it a busy machine is not the reason any more, ms. */
const PATIENCE_MS = 30_000

/** Chromium; `npm run test:browser` says where it is. It reaches this machine and nothing else. */
export function openBrowser(): Promise<Browser> {
  const executablePath = process.env.BANYAN_CHROMIUM
  if (!executablePath) throw new Error('BANYAN_CHROMIUM is not set: npm run test:browser sets it')
  return chromium.launch({
    executablePath,
    args: [
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      // Its own sandbox is not to be had by root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  })
}

/** A person at the page. */
export interface Visitor {
  readonly page: Page
  /** Requests of the API that failed, or were refused: `409 POST /api/…`. */
  readonly failures: string[]
}

/** Opens the page as somebody who was never there. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({ baseURL: url, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const failures: string[] = []
  const pathOf = (full: string) => new URL(full).pathname
  page.on('response', (response) => {
    if (response.status() < 400 || !response.url().startsWith(url)) return
    failures.push(`${response.status()} ${response.request().method()} ${pathOf(response.url())}`)
  })
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? ''
    // Nobody waits any more for what a page asked that was left.
    if (!request.url().startsWith(url) || why === 'net::ERR_ABORTED') return
    failures.push(`${why} ${request.method()} ${pathOf(request.url())}`)
  })
  page.on('pageerror', (error) => failures.push(`page: ${error.message}`))
  await page.goto('/')
  return { page, failures }
}

/** Makes an account, by keyboard alone. */
export async function signUp({ page }: Visitor, name: string): Promise<void> {
  await page.getByRole('button', { name: 'I have no account yet' }).press('Enter')
  await page.getByLabel('Email address').fill(`${name}.${crypto.randomUUID()}@example.org`)
  await page.getByLabel('Password').fill('brick-by-brick')
  await page.getByLabel('Password').press('Enter')
  await page.getByRole('heading', { name: 'MOCs', level: 1 }).waitFor()
}

/** Goes where the navigation leads. */
export async function go({ page }: Visitor, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Places' }).getByRole('link', { name }).click()
  await page.getByRole('heading', { name, level: 1 }).waitFor()
}

/** What the page shows, without what it only says to those who hear it. */
export function main({ page }: Visitor): Locator {
  return page.getByRole('main')
}

/** The token that the page holds, for what a test does beside it. */
export async function tokenOf({ page }: Visitor): Promise<string> {
  const text = await page.evaluate<string>("sessionStorage.getItem('lego.session')")
  return (JSON.parse(text) as { token: string }).token
}

/** Rules of WCAG and good practice that the page breaks, the serious ones: `rule: where`. */
export async function seriousFaults({ page }: Visitor): Promise<string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run()')
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))
}

export async function takePicture({ page }: Visitor, name: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true })
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true })
}
