import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../../testing/monolith.ts'
import { eventually } from '../../testing/processes.ts'
import { go, main, openBrowser, signUp, tokenOf, type Visitor, visit } from '../testing/browser.ts'
import { startOnMonolith } from '../testing/on-monolith.ts'
import { addWishes, drag, wishes } from '../testing/wishes.ts'

const CSV = 'Part,Color,Quantity\n3001,4,8\n3002,0,5\nnonsense,0,many\n'

describe('the page on the monolith alone', () => {
  let browser: Browser
  let system: Awaited<ReturnType<typeof startOnMonolith>>
  let ada: Visitor
  beforeAll(async () => {
    ;[browser, system] = await Promise.all([openBrowser(), startOnMonolith()])
    ada = await visit(browser, system.url)
    await signUp(ada, 'ada')
  })
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
  })
  const api = async (method: string, path: string, body?: unknown) =>
    send(
      `${system.url}/api${path}`,
      method,
      { authorization: `Bearer ${await tokenOf(ada)}` },
      body,
    )

  it('says what is wrong with a password, in words, and by what the request is found again', async () => {
    const visitor = await visit(browser, system.url)
    const { page } = visitor
    await page.getByLabel('Email address').fill('nobody@example.org')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toMatch(/Address or password is wrong.*name [0-9a-f]{32}/s)
    await page.context().close()
  })

  it('stays signed in when it is loaded again, and asks to sign in when the token is not good any more', async () => {
    const visitor = await visit(browser, system.url)
    await signUp(visitor, 'bob')
    const { page } = visitor
    await page.goto('/wishlist')
    await page.getByRole('heading', { name: 'Wishlist', level: 1 }).waitFor()
    await page.evaluate(
      "sessionStorage.setItem('lego.session', sessionStorage.getItem('lego.session').replace(/.\",\"user/, '\",\"user'))",
    )
    await page.goto('/wishlist')
    await main(visitor).getByText('Please sign in again').waitFor()
    await page.context().close()
  })

  it('shows MOCs page by page, by theme and by search', async () => {
    const { page } = ada
    await go(ada, 'MOCs')
    const cards = page.getByRole('list', { name: 'MOCs' }).getByRole('listitem')
    await cards.first().waitFor()
    const firstTitle = await cards.first().getByRole('link').innerText()
    await page.getByRole('button', { name: 'Next' }).click()
    await main(ada).getByText('Page 2 of').waitFor()
    await page.waitForURL(/page=2/)
    await page.goBack()
    await main(ada).getByText('Page 1 of').waitFor()
    const word = firstTitle.split(/\s/)[1]!
    await page.getByRole('searchbox', { name: 'Search MOCs' }).fill(word)
    await page.getByRole('searchbox', { name: 'Search MOCs' }).press('Enter')
    await page
      .getByRole('status')
      .filter({ hasText: `found for “${word}”` })
      .waitFor()
    await page.getByRole('list', { name: 'Found' }).getByRole('link').first().click()
    await page.getByRole('heading', { name: 'Parts' }).waitFor()
  })

  it('creates a MOC with files one after the other, and tells which lines of a list it could not read', async () => {
    const { page } = ada
    await go(ada, 'MOCs')
    await page.getByRole('link', { name: 'New MOC' }).click()
    await page.getByLabel('Title').fill('Harbour crane')
    await page.getByLabel('Choose files').setInputFiles([
      { name: 'crane.csv', mimeType: 'text/csv', buffer: Buffer.from(CSV) },
      { name: 'crane.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(700_000) },
    ])
    expect(await page.getByLabel('What crane.csv is').inputValue()).toBe('parts-list')
    await page.getByRole('button', { name: 'Create the MOC' }).click()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toMatch(/crane\.csv.*1 line could not be read.*line 4/s)
    await page.getByRole('link', { name: 'Go to the MOC' }).click()
    await main(ada).getByText('13 pieces').first().waitFor()
    await main(ada).getByText('crane.pdf').waitFor()
  })

  it('shows the parts without what one has where there is no inventory, and says so', async () => {
    const { page } = ada
    await main(ada).getByText('Your inventory cannot be reached').waitFor()
    const row = page.getByRole('row', { name: /3001 Red/ })
    expect(await row.getByRole('cell').allInnerTexts()).toEqual(['Red', '8'])
    // What the MOC itself keeps goes on.
    await page.getByLabel('Have, pieces of crane.csv').fill('6')
    await page.getByRole('button', { name: 'Set' }).click()
    await main(ada).getByText('6 of 13 pieces').waitFor()
  })

  it('refuses to call a MOC complete that has no instructions, and takes it with them', async () => {
    const { page } = ada
    const { body } = await api('POST', '/mocs', { title: 'Bare MOC' })
    await page.goto(`/mocs/${body.id}`)
    await page.getByRole('button', { name: 'Mark as complete' }).click()
    await main(ada).getByText('needs at least one instruction file').waitFor()
    const steps = { name: 'steps.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF') }
    await page.getByLabel('Add instructions').setInputFiles(steps)
    await main(ada).getByText('steps.pdf').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download steps.pdf' }).click()
    expect((await download).suggestedFilename()).toBe('steps.pdf')
    await page.getByRole('button', { name: 'Mark as complete' }).click()
    await page.getByRole('button', { name: 'Back to draft' }).waitFor()
  })

  it('moves a wish by dragging, by keyboard and by buttons, and each is there after a reload', async () => {
    const { page } = ada
    await addWishes(ada, ['Lighthouse', 'Monorail', 'Galleon'])
    await drag(ada, 'Galleon', 'Lighthouse')
    await main(ada).getByText('The order is saved').waitFor()
    expect(await wishes(ada)).toEqual(['Galleon', 'Lighthouse', 'Monorail'])

    const handle = page.getByRole('button', { name: 'Move Monorail', exact: true })
    await handle.focus()
    await page.keyboard.press('Space')
    await page.getByText('Monorail is picked up').waitFor({ state: 'attached' })
    // A key may come before it is listened for; at the top one more does nothing.
    await eventually('it is at the top', async () => {
      await page.keyboard.press('ArrowUp')
      return (await page.getByText('Monorail is over place 1').count()) === 1
    })
    await page.keyboard.press('Space')
    await page.getByText('Monorail is now 1 of 3').waitFor({ state: 'attached' })
    expect(await wishes(ada)).toEqual(['Monorail', 'Galleon', 'Lighthouse'])
    await main(ada).getByText('The order is saved').waitFor()

    await page.getByRole('button', { name: 'Move Galleon down' }).press('Enter')
    expect(await wishes(ada)).toEqual(['Monorail', 'Lighthouse', 'Galleon'])
    await main(ada).getByText('The order is saved').waitFor()
    await page.reload()
    await page.getByRole('listitem').first().waitFor()
    expect(await wishes(ada)).toEqual(['Monorail', 'Lighthouse', 'Galleon'])
  })

  it('puts the order back when it is refused, says why, and shows what there is', async () => {
    const { page } = ada
    // Somebody adds one on another device.
    expect((await api('POST', '/wishlist', { title: 'Tram' })).status).toBe(201)
    let letGo!: () => void
    const seen = new Promise<void>((resolve) => {
      letGo = resolve
    })
    await page.route('**/reorder/debounced', async (route) => {
      await seen
      await route.continue()
    })
    await page.getByRole('button', { name: 'Move Galleon up' }).click()
    expect(await wishes(ada)).toEqual(['Monorail', 'Galleon', 'Lighthouse'])
    expect(await page.getByRole('alert').count()).toBe(0)
    letGo()
    const alert = page.getByRole('alert')
    await alert.waitFor()
    expect(await alert.innerText()).toMatch(/changed elsewhere.*name [0-9a-f]{32}/s)
    await page.getByRole('heading', { name: 'Tram' }).waitFor()
    expect(await wishes(ada)).toEqual(['Monorail', 'Lighthouse', 'Galleon', 'Tram'])
    await page.unroute('**/reorder/debounced')
  })

  it('saves a profile, and others see the name', async () => {
    const { page } = ada
    await go(ada, 'Profile')
    await page.getByLabel('Name that others see').fill('Ada of the Bricks')
    await page.getByRole('button', { name: 'Save' }).click()
    await main(ada).getByText('Saved', { exact: true }).waitFor()
    const { body } = await api('GET', '/mocs?mine=true')
    const bob = await visit(browser, system.url)
    await signUp(bob, 'bob')
    await bob.page.goto(`/mocs/${body.mocs[0].id}`)
    await bob.page.getByText('shared by Ada of the Bricks').waitFor()
    expect(await bob.page.getByRole('button', { name: 'Delete' }).count()).toBe(0)
    await bob.page.context().close()
  })
})
