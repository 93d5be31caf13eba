import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../../testing/monolith.ts'
import { eventually } from '../../testing/processes.ts'
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
import { QUOTA_BYTES, startOnServices } from '../testing/on-services.ts'
import { addWishes, drag, wishes } from '../testing/wishes.ts'

const CSV = 'Part,Color,Quantity\n3001,4,8\n3002,0,5\n'
const csv = { name: 'parts.csv', mimeType: 'text/csv', buffer: Buffer.from(CSV) }
const pdf = { name: 'steps.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4 ') }

/** The three end-to-end scenarios of the requirements, and what the page adds to them. */
describe('journeys through the page, when everything has moved', () => {
  let browser: Browser
  let system: Awaited<ReturnType<typeof startOnServices>>
  let ada: Visitor
  beforeAll(async () => {
    ;[browser, system] = await Promise.all([openBrowser(), startOnServices()])
    ada = await visit(browser, system.url)
    await signUp(ada, 'ada')
  })
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
  })

  async function createMoc(title: string, files: (typeof csv)[]): Promise<void> {
    const { page } = ada
    await go(ada, 'MOCs')
    await page.getByRole('link', { name: 'New MOC' }).click()
    await page.getByLabel('Title').fill(title)
    await page.getByLabel('Choose files').setInputFiles(files)
    await page.getByRole('button', { name: 'Create the MOC' }).click()
  }

  it('1: creates a MOC, uploads files, searches for the MOC and finds it', async () => {
    const { page } = ada
    await createMoc('Windmill of Kinderdijk', [csv, pdf])
    await page.getByRole('heading', { name: 'Windmill of Kinderdijk', level: 1 }).waitFor()
    await main(ada).getByText('steps.pdf').waitFor()
    await page.getByRole('row', { name: /3001 Red/ }).waitFor()
    await main(ada).getByText('13 pieces').first().waitFor()

    await go(ada, 'MOCs')
    await eventually('the MOC is found', async () => {
      await page.goto('/?q=kinderdijk')
      await main(ada)
        .getByText(/found for “kinderdijk”/)
        .waitFor()
      return (await main(ada).getByText('1 found').count()) === 1
    })
    await page.getByRole('link', { name: 'Windmill of Kinderdijk' }).click()
    await page.getByRole('heading', { name: 'Windmill of Kinderdijk', level: 1 }).waitFor()
  })

  it('keeps what one has of each part, and shows what is missing', async () => {
    const { page } = ada
    const red = page.getByRole('row', { name: /3001 Red/ })
    const black = page.getByRole('row', { name: /3002 Black/ })
    // Faster than the answers come.
    for (let n = 0; n < 3; n++) await red.getByRole('button', { name: 'One more' }).click()
    const have = black.getByLabel('How many you have')
    await have.fill('5')
    await have.press('Enter')
    await main(ada).getByText('8 of 13, 5 missing').waitFor()
    await takePicture(ada, 'have-and-need')
    expect(await seriousFaults(ada)).toEqual([])
    await eventually('both are kept', async () => {
      await page.reload()
      await main(ada).getByText('What you have of all parts').waitFor()
      return (await main(ada).getByText('8 of 13, 5 missing').count()) === 1
    })
    await page.getByLabel('Only what is missing').check()
    expect(await page.getByRole('row').count()).toBe(2)
    expect(await red.getByRole('cell').last().innerText()).toBe('5')
  })

  it('2: uploads an image, links it to a MOC, deletes the image, and the MOC has it no more', async () => {
    const { page } = ada
    const moc = page.url()
    await go(ada, 'Gallery')
    await page.getByRole('button', { name: 'Add an image' }).click()
    await page.getByLabel('Title').fill('Windmill at dusk')
    await page.getByLabel('Address of the image').fill('https://img.example.org/dusk.jpg')
    await page.getByRole('button', { name: 'Add to the gallery' }).click()
    await page.getByRole('heading', { name: 'Windmill at dusk' }).waitFor()

    await page.goto(moc)
    await page.getByRole('button', { name: 'Choose images' }).click()
    await page.getByRole('checkbox', { name: 'Windmill at dusk' }).click()
    const linked = page.getByRole('list', { name: 'Images of this MOC' }).getByRole('listitem')
    await linked.filter({ hasText: 'Windmill at dusk' }).waitFor()

    await go(ada, 'Gallery')
    await page.getByRole('button', { name: 'Delete Windmill at dusk' }).click()
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByRole('heading', { name: 'Windmill at dusk' }).waitFor({ state: 'detached' })

    const id = moc.split('/').at(-1)!.split('?')[0]
    const headers = { authorization: `Bearer ${await tokenOf(ada)}` }
    await eventually('the MOC has no image', async () => {
      const { body } = await send(`${system.url}/api/mocs/${id}`, 'GET', headers)
      return body.galleryImageIds.length === 0
    })
    await page.goto(moc)
    await main(ada).getByText('No images yet.').waitFor()
    expect(await linked.count()).toBe(0)
  })

  it('3: creates wishes, reorders them, and the new order is there from then on', async () => {
    const { page } = ada
    await addWishes(ada, ['Lighthouse', 'Monorail', 'Galleon'])
    await drag(ada, 'Galleon', 'Lighthouse')
    expect(await wishes(ada)).toEqual(['Galleon', 'Lighthouse', 'Monorail'])
    await main(ada).getByText('The order is saved').waitFor()
    const again = await visit(browser, system.url)
    // Another tab of the same person: a session is a tab's own.
    const session = await page.evaluate<string>("sessionStorage.getItem('lego.session')")
    await again.page.evaluate(`sessionStorage.setItem('lego.session', ${JSON.stringify(session)})`)
    await again.page.goto('/wishlist')
    await again.page.getByRole('listitem').first().waitFor()
    expect(await wishes(again)).toEqual(['Galleon', 'Lighthouse', 'Monorail'])
    await again.page.context().close()
  })

  it('was told of no failure but that it asked with an empty form first', async () => {
    expect(ada.failures.filter((failure) => !failure.endsWith('/with-files'))).toEqual([])
  })

  it('does not send a file that is too large anyway, and says so at once', async () => {
    const { page } = ada
    await page.goto('/mocs/new')
    const files = [{ ...pdf, name: 'huge.pdf', buffer: Buffer.alloc(10 * 1024 * 1024 + 1) }, csv]
    await page.getByLabel('Choose files').setInputFiles(files)
    await page.getByRole('alert').filter({ hasText: 'huge.pdf is larger than 10 MB' }).waitFor()
    expect(await page.getByLabel(/What .* is/).count()).toBe(1)
  })

  it('tells of a file that is refused, and leaves no MOC', async () => {
    const { page } = ada
    await createMoc('Beyond the quota', [{ ...pdf, buffer: Buffer.alloc(QUOTA_BYTES + 1) }])
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toMatch(/The MOC was not created.*name [0-9a-f-]{32,36}/s)
    await page.goto('/?mine=true')
    await page.getByRole('link', { name: /Windmill/ }).waitFor()
    expect(await page.getByRole('link', { name: /Beyond the quota/ }).count()).toBe(0)
  })

  it('tells the user that their MOC is incomplete when its parts list could not be handed over', async () => {
    const { page } = ada
    await system.stopProcessing()
    await createMoc('Unread castle', [csv, pdf])
    await main(ada).getByText('Checking and storing the files').first().waitFor()
    const alert = page.getByRole('alert')
    await alert.waitFor({ timeout: 90_000 })
    expect(await alert.innerText()).toMatch(
      /This MOC is incomplete.*could not be handed over.*did not answer/s,
    )
    const headers = { authorization: `Bearer ${await tokenOf(ada)}` }
    const id = page.url().split('/').at(-1)
    const { text } = await send(`${system.url}/api/mocs/${id}/creation`, 'GET', headers)
    expect(text + (await alert.innerText())).not.toMatch(/ECONN|127\.0\.0\.1/)
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Unread castle')
    await main(ada).getByText('steps.pdf').waitFor()
    await takePicture(ada, 'incomplete')
    expect(await seriousFaults(ada)).toEqual([])
    // The MOC itself reads it then.
    await page.getByLabel('Add a parts list').setInputFiles(csv)
    await main(ada).getByText('13 pieces').first().waitFor()
    await alert.waitFor({ state: 'detached' })
  })
})
