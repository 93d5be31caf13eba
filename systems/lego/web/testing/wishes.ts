import { go, type Visitor } from './browser.ts'

/** Adds sets to the wishlist, by its form, and closes it. */
export async function addWishes(visitor: Visitor, titles: readonly string[]): Promise<void> {
  const { page } = visitor
  await go(visitor, 'Wishlist')
  await page.getByRole('button', { name: 'Add a set' }).click()
  for (const title of titles) {
    await page.getByLabel('Name of the set').fill(title)
    await page.getByLabel('Name of the set').press('Enter')
    await page.getByRole('heading', { name: title, exact: true }).waitFor()
  }
  await page.getByRole('button', { name: 'Close' }).click()
}

/** The titles on the wishlist, as they are shown. */
export function wishes({ page }: Visitor): Promise<string[]> {
  return page.getByRole('listitem').getByRole('heading').allInnerTexts()
}

/** Drags one with the mouse to where another is. */
export async function drag({ page }: Visitor, title: string, to: string): Promise<void> {
  const handleOf = (name: string) => page.getByRole('button', { name: `Move ${name}`, exact: true })
  const [from, goal] = [await handleOf(title).boundingBox(), await handleOf(to).boundingBox()]
  if (!from || !goal) throw new Error(`${title} or ${to} is not on the page`)
  const [x, half] = [from.x + from.width / 2, from.height / 2]
  await page.mouse.move(x, from.y + half)
  await page.mouse.down()
  await page.mouse.move(x, goal.y + half, { steps: 12 })
  await page.getByText(`${title} is over place`).waitFor({ state: 'attached' })
  await page.mouse.up()
}
