import { Random } from '@banyan/lab'
import { expect, it } from 'vitest'
import { Shelf } from './stock.ts'

it('gives away what nobody has asked about for a while, each thing once', () => {
  const random = new Random(5)
  const all = Array.from({ length: 20 }, (_, n) => ({ id: `moc-${n}`, user: n }))
  const shelf = new Shelf(all, 1_000)
  const taken = new Map<string, number>()
  const leftAt = new Map<string, number>()
  for (let now = 0; now < 2_000; now += 200) {
    const before = new Set(shelf.there.map(({ id }) => id))
    const gone = shelf.take(random, now)
    for (const { id } of shelf.there) before.delete(id)
    for (const id of before) leftAt.set(id, now)
    if (gone) taken.set(gone.id, now)
  }
  expect(taken.size).toBe(5)
  for (const [id, at] of taken) expect(at - leftAt.get(id)!).toBeGreaterThanOrEqual(1_000)
  expect(shelf.there.filter(({ id }) => taken.has(id))).toEqual([])
  expect(new Set(shelf.there.map(({ id }) => id)).size).toBe(10)
})
