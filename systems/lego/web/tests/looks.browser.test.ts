import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../../testing/monolith.ts'
import {
  go,
  main,
  openBrowser,
  seriousFaults,
  signUp,
  takePicture,
  tokenOf,
  type Visitor,
  visit,
} from '../testing/browser.ts'
import { startOnMonolith } from '../testing/on-monolith.ts'
import { addWishes } from '../testing/wishes.ts'

const LOOKS: readonly [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light', viewport: { width: 1200, height: 800 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1200, height: 800 } }],
  ['phone', { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true }],
]
const CSV = 'Part,Color,Quantity\n3001,4,8\n3002,0,5\n3003,14,12\n3020,72,4\n3795,999,2\n'

describe('the page, as it looks', () => {
  let browser: Browser
  let system: Awaited<ReturnType<typeof startOnMonolith>>
  beforeAll(async () => {
    ;[browser, system] = await Promise.all([openBrowser(), startOnMonolith()])
  })
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
  })

  /** Nothing serious for those who do not see it, nothing wider than the screen, and a picture for those who do. */
  async function check(ada: Visitor, name: string): Promise<void> {
    const { page } = ada
    await page.waitForLoadState('networkidle')
    await takePicture(ada, name)
    expect(await seriousFaults(ada)).toEqual([])
    const excess = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
    expect(await page.evaluate<number>(excess)).toBeLessThanOrEqual(0)
  }

  it.each(LOOKS)(
    '%s: has no serious fault for assistive technology, and fits',
    async (look, options) => {
      const ada = await visit(browser, system.url, options)
      const { page } = ada
      // Every other picture comes; the others are not there.
      await page.route('https://img.example.org/**', (route) =>
        /[02468]-small/.test(route.request().url())
          ? route.fulfill({ contentType: 'image/svg+xml', body: PICTURE })
          : route.abort(),
      )
      await check(ada, `sign-in-${look}`)
      await signUp(ada, 'ada')
      await page.getByRole('list', { name: 'MOCs' }).getByRole('listitem').first().waitFor()
      await check(ada, `mocs-${look}`)

      await page.getByRole('link', { name: 'New MOC' }).click()
      await page.getByLabel('Title').fill('Harbour crane')
      await page
        .getByLabel('Description')
        .fill('Turns, lifts and lowers.\nStands on two 32×32 plates.')
      await page.getByLabel('Tags').fill('harbour, crane, technic')
      const csv = { name: 'crane.csv', mimeType: 'text/csv', buffer: Buffer.from(CSV) }
      await page.getByLabel('Choose files').setInputFiles([csv])
      await check(ada, `new-moc-${look}`)
      await page.getByRole('button', { name: 'Create the MOC' }).click()
      await page.getByRole('row', { name: /3001/ }).waitFor()
      await check(ada, `moc-${look}`)
      await page.getByRole('button', { name: 'Change' }).click()
      await page.getByRole('button', { name: 'Delete crane.csv' }).first().click()
      await page.getByRole('button', { name: 'Mark as complete' }).click()
      await page.getByRole('alert').waitFor()
      await check(ada, `moc-changing-${look}`)

      await go(ada, 'Gallery')
      await page.getByRole('list', { name: 'Images' }).getByRole('listitem').first().waitFor()
      await check(ada, `gallery-${look}`)

      await addWishes(ada, [
        'Lighthouse',
        'Monorail with a rather long name that goes on',
        'Galleon',
      ])
      const headers = { authorization: `Bearer ${await tokenOf(ada)}` }
      const wish = { title: 'Tram', category: 'City', price: 89.99, description: 'The red one.' }
      await send(`${system.url}/api/wishlist`, 'POST', headers, wish)
      await page.reload()
      await page.getByRole('heading', { name: 'Tram' }).waitFor()
      await page.getByRole('checkbox', { name: 'Have it: Galleon' }).click()
      const error = { code: 'REORDER_MISMATCH', message: '' }
      await page.route('**/reorder/debounced', (route) =>
        route.fulfill({ status: 409, json: { error } }),
      )
      await page.getByRole('button', { name: 'Move Lighthouse down' }).click()
      await page.getByRole('alert').waitFor()
      await page.getByRole('button', { name: 'Add a set' }).click()
      await check(ada, `wishlist-${look}`)

      await go(ada, 'Profile')
      await page.getByLabel('Name that others see').fill('Ada')
      await page.getByRole('button', { name: 'Save' }).click()
      await main(ada).getByText('Saved', { exact: true }).waitFor()
      await check(ada, `profile-${look}`)
      await page.context().close()
    },
  )
})

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300">
  <rect width="400" height="300" fill="#bcd7ee"/><rect y="220" width="400" height="80" fill="#6b9a52"/>
  <path d="M120 220V120h160v100z" fill="#c91a09"/><path d="M100 120L200 50l100 70z" fill="#582a12"/>
</svg>`
