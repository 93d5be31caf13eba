import { fileURLToPath } from 'node:url'
import { checkRecorded, EventRegistry } from '@banyan/bus'
import {
  ask,
  asUser,
  eventually,
  type ServiceUnderTest,
  startForTest,
} from '@banyan/service/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MocDeleted } from '../moc/events.ts'
import { WishlistItemDeleted } from '../wishlist/events.ts'
import { inventoryApi } from './client.ts'
import { InventoryUpdated, inventoryEvents, PartsAcquired, PartsPurchased } from './events.ts'
import type { NewItem } from './messages.ts'
import type * as tables from './schema.ts'
import inventory from './service.ts'

let service: ServiceUnderTest<object, typeof tables>
let client: ReturnType<typeof open>
const open = () => service.client(inventoryApi)
beforeAll(async () => {
  service = await startForTest(inventory)
  client = open()
})
afterAll(() => service?.stop())

/** Signed anew for each call: an identity ends after a minute. */
const ada = () => asUser('ada')
/** An item of a source of its own, if it is not told which. */
const add = (more: Partial<NewItem> = {}, user = ada()) => {
  const source = { type: 'moc', id: crypto.randomUUID() } as const
  return client.addItem({ body: { source, name: 'Brick 2 x 4', totalCount: 10, ...more } }, user)
}
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (error: { answer?: { status: number; code: string } }) =>
      `${error.answer?.status} ${error.answer?.code}`,
  )

it('keeps items, each user’s own, and says of which source how much there is', async () => {
  const source = { type: 'set', id: '10497-1' } as const
  const brick = await add({ source, partNumber: '3001', colorCode: '11', acquiredCount: 4 })
  const plate = await add({ source, partNumber: '3020', colorCode: '11', totalCount: 5 })
  expect(brick).toMatchObject({ source, acquiredCount: 4, missingCount: 6, colorCode: '11' })
  expect(await client.getProgress({ params: source }, ada())).toEqual({
    source,
    itemCount: 2,
    totalCount: 15,
    acquiredCount: 4,
    missingCount: 11,
    percent: 26,
  })
  const params = { itemId: plate.id }
  const changed = { name: 'Plate 2 x 4', totalCount: 6 }
  expect(await client.changeItem({ params, body: changed }, ada())).toMatchObject(changed)
  expect(await client.getItem({ params }, ada())).toMatchObject({ ...changed, partNumber: '3020' })
  const eve = asUser('eve')
  const refused = [
    client.getItem({ params }, eve),
    client.changeItem({ params, body: { name: 'Mine' } }, eve),
    client.acquire({ params, body: { count: 1 } }, eve),
    client.deleteItem({ params }, eve),
    client.listPurchases({ params }, eve),
    client.addPurchase({ params, body: { quantity: 1 } }, eve),
  ].map(refusal)
  expect(new Set(await Promise.all(refused))).toEqual(new Set(['404 NOT_FOUND']))
  expect(await client.getProgress({ params: source }, eve)).toMatchObject({ totalCount: 0 })
  await client.deleteItem({ params }, ada())
  expect(await refusal(client.getItem({ params }, ada()))).toBe('404 NOT_FOUND')
  expect(await refusal(add({ source, partNumber: '3001', colorCode: '11' }))).toBe(
    '409 ITEM_EXISTS',
  )
  expect((await add({ source, partNumber: '3001', colorCode: '1' })).id).toBeDefined()
})

it('lists them page by page, of a source or of a kind of source, and those of which some are missing', async () => {
  const lists = asUser('lister')
  const source = { type: 'wishlist', id: 'w-1' } as const
  for (let n = 0; n < 5; n++)
    await add({ source, name: `Item ${n}`, acquiredCount: n * 2 + 2 }, lists)
  await add({ source: { type: 'set', id: 's-1' } }, lists)
  const names: string[] = []
  const query = { sourceType: 'wishlist', sourceId: 'w-1', limit: 2 } as const
  let cursor: string | null = null
  do {
    const page = await client.listItems({ query: { ...query, ...(cursor && { cursor }) } }, lists)
    expect(page.items.length).toBeLessThanOrEqual(2)
    names.push(...page.items.map(({ name }) => name))
    cursor = page.next
  } while (cursor)
  expect(names).toEqual([0, 1, 2, 3, 4].map((n) => `Item ${n}`))
  const named = async (given: object) =>
    (await client.listItems({ query: given }, lists)).items.map(({ name }) => name)
  expect(await named({ missing: 'false' })).toEqual(['Item 4'])
  expect(await named({ missing: 'true', sourceType: 'set' })).toEqual(['Brick 2 x 4'])
  const wrong = await ask(`${service.url}/v1/inventory/items?sourceId=x`, { user: 'ada' })
  expect(wrong).toMatchObject({ status: 400, body: { errors: [{ path: 'sourceId' }] } })
})

it('never counts more than are needed, or fewer than none, also when many ask at once', async () => {
  const { id: itemId } = await add()
  const params = { itemId }
  const url = `${service.url}/v1/inventory/items/${itemId}/acquired`
  const once = async () => {
    const { status, body } = await ask(url, { user: 'ada', body: { count: 1 } })
    return status === 200 ? 'answered' : `${status} ${(body as { code: string }).code}`
  }
  const answers = await Promise.all(Array.from({ length: 25 }, once))
  expect(answers.filter((answer) => answer === 'answered')).toHaveLength(10)
  expect(new Set(answers)).toEqual(new Set(['answered', '409 COUNT_OUT_OF_BOUNDS']))
  expect(await client.getItem({ params }, ada())).toMatchObject({ acquiredCount: 10 })
  expect(await refusal(client.acquire({ params, body: { count: -11 } }, ada()))).toMatch('409')
  expect(await refusal(client.changeItem({ params, body: { totalCount: 9 } }, ada()))).toBe(
    '409 TOTAL_BELOW_ACQUIRED',
  )
  expect(await refusal(add({ totalCount: 1, acquiredCount: 2 }))).toBe('400 VALIDATION')
  // Whoever writes past the service meets the database.
  const past = 'UPDATE inventory.items SET acquired_count = 11 WHERE id = $1'
  await expect(service.context.pool.query(past, [itemId])).rejects.toThrow('items_acquired')
})

it('records purchases, of which the cost is told once and never changed', async () => {
  const { id: itemId } = await add({ acquiredCount: 3 })
  const params = { itemId }
  const cost = { amountMinor: 1_999, currency: 'EUR' }
  const at = '2026-01-02T03:04:05.000Z'
  const paid = await client.addPurchase(
    { params, body: { quantity: 5, cost, vendor: 'A shop', purchasedAt: at } },
    ada(),
  )
  expect(paid).toMatchObject({ itemId, quantity: 5, cost, vendor: 'A shop', purchasedAt: at })
  // A bag of 100, of which two were missing.
  const { id: purchaseId } = await client.addPurchase({ params, body: { quantity: 100 } }, ada())
  expect(await client.getItem({ params }, ada())).toMatchObject({ acquiredCount: 10 })
  const tell = (of: string, amountMinor: number) =>
    client.setCost(
      { params: { itemId, purchaseId: of }, body: { cost: { ...cost, amountMinor } } },
      ada(),
    )
  expect(await tell(purchaseId, 5)).toMatchObject({ cost: { amountMinor: 5, currency: 'EUR' } })
  expect(await tell(purchaseId, 5)).toMatchObject({ cost: { amountMinor: 5 } })
  expect(await refusal(tell(purchaseId, 6))).toBe('409 COST_IS_SET')
  expect(await refusal(tell(paid.id, 1))).toBe('409 COST_IS_SET')
  for (const change of [
    'cost_minor = 0',
    `currency = 'USD'`,
    'cost_minor = NULL, currency = NULL',
  ]) {
    const past = `UPDATE inventory.purchases SET ${change} WHERE id = $1`
    await expect(service.context.pool.query(past, [paid.id])).rejects.toThrow('cannot be changed')
  }
  const { purchases } = await client.listPurchases({ params }, ada())
  expect(purchases.map((one) => one.cost?.amountMinor)).toEqual([1_999, 5])
  const ancient = { quantity: 1, purchasedAt: '0020-02-29T00:00:00Z' }
  expect(await refusal(client.addPurchase({ params, body: ancient }, ada()))).toMatch('400 ')
  const fractions = client.addPurchase(
    { params, body: { quantity: 1, cost: { amountMinor: 1.5, currency: 'EUR' } } },
    ada(),
  )
  expect(await refusal(fractions)).toBe('400 VALIDATION')
})

it('says what was acquired, what was bought, and how far the source is', async () => {
  const acquired = await service.hear(PartsAcquired)
  const purchased = await service.hear(PartsPurchased)
  const updated = await service.hear(InventoryUpdated)
  const bea = asUser('bea')
  const source = { type: 'moc', id: 'said' } as const
  const { id: itemId } = await add({ source }, bea)
  const { id: purchaseId } = await client.addPurchase(
    { params: { itemId }, body: { quantity: 4, cost: { amountMinor: 80, currency: 'EUR' } } },
    bea,
  )
  await client.acquire({ params: { itemId }, body: { count: 6 } }, bea)
  await client.deleteItem({ params: { itemId } }, bea)
  const of = (heard: readonly { payload: { ownerId: string } }[]) =>
    heard.filter(({ payload }) => payload.ownerId === 'bea').map(({ payload }) => payload)
  await eventually('all is heard', () => of(updated).length === 4 && of(acquired).length === 2)
  await eventually('the purchase too', () => of(purchased).length === 1)
  expect(of(updated)).toMatchObject([0, 40, 100, 0].map((percent) => ({ source, percent })))
  expect(of(acquired)).toMatchObject([
    { itemId, source, count: 4, acquiredCount: 4, totalCount: 10 },
    { itemId, source, count: 6, acquiredCount: 10 },
  ])
  expect(of(purchased)).toEqual([
    {
      ownerId: 'bea',
      itemId,
      purchaseId,
      source,
      quantity: 4,
      cost: { amountMinor: 80, currency: 'EUR' },
    },
  ])
})

it('forgets what a wishlist item or a MOC needed when that is gone', async () => {
  const id = crypto.randomUUID()
  const gone = await add({ source: { type: 'wishlist', id } })
  const kept = await add({ source: { type: 'moc', id } })
  await service.say(WishlistItemDeleted.of({ ownerId: 'ada', itemId: id }), 'ada')
  const missing = async (itemId: string) =>
    (await refusal(client.getItem({ params: { itemId } }, ada()))) === '404 NOT_FOUND'
  await eventually('it is forgotten', () => missing(gone.id))
  expect(await missing(kept.id)).toBe(false)
  await service.say(MocDeleted.of({ ownerId: 'ada', mocId: id }), 'ada')
  await eventually('so is the other', () => missing(kept.id))
})

it('adds an item once, however often the request is sent', async () => {
  const headers = { 'idempotency-key': 'once' }
  const body = { source: { type: 'set', id: 'again' }, name: 'Plate', totalCount: 1 }
  const send = () => ask(`${service.url}/v1/inventory/items`, { user: 'ada', body, headers })
  const [first, second] = [await send(), await send()]
  expect(first.status).toBe(201)
  expect(second.text).toBe(first.text)
})

it('says nothing but what is recorded, and describes each of its routes', async () => {
  const folder = fileURLToPath(new URL('events', import.meta.url))
  expect(checkRecorded(new EventRegistry(inventoryEvents), folder)).toEqual([])
  const { body } = await ask(`${service.url}/openapi.json`)
  const { paths } = body as { paths: Record<string, object> }
  expect(Object.keys(paths)).toHaveLength(6)
})
