import { expect, it, vi } from 'vitest'
import { FormTurns, pauseAfter } from './upload.ts'

/** Longer than any test. */
const NEVER_MS = 600_000

/** Work that ends when it is told to. */
function open() {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { end, work: () => ended }
}

it('takes forms one after the other, as they came', async () => {
  const turns = new FormTurns({ turnMs: NEVER_MS })
  const began: number[] = []
  const forms = [open(), open(), open()]
  const taken = forms.map(({ work }, n) =>
    turns.take(() => {
      began.push(n)
      return work()
    }),
  )
  for (const [n, { end }] of forms.entries()) {
    await expect.poll(() => began).toEqual([0, 1, 2].slice(0, n + 1))
    end()
    await taken[n]
  }
})

it('lets a form that takes long go on, and the next one have its turn', async () => {
  const turns = new FormTurns({ turnMs: NEVER_MS, longestMs: 10 })
  const slow = open()
  const taken = turns.take(slow.work)
  expect(await turns.take(async () => 'taken')).toBe('taken')
  slow.end()
  await taken
})

it('goes on after one that failed', async () => {
  const turns = new FormTurns({ turnMs: NEVER_MS })
  const fails = turns.take(() => Promise.reject(new Error('no form')))
  await expect(fails).rejects.toThrow('no form')
  expect(await turns.take(async () => 'taken')).toBe('taken')
})

it('pauses after each, for eight times what it took; the less the more wait, so that all have their turn in time', () => {
  expect(pauseAfter(10, 0)).toBe(80)
  expect(pauseAfter(10, 100)).toBe(80)
  expect(pauseAfter(100, 1)).toBe(250)
  // A hundred within 40 s.
  expect(pauseAfter(160, 100)).toBe(240)
  expect(pauseAfter(40, 50, 30_000)).toBe(160)
  expect(pauseAfter(400, 100)).toBe(0)
  expect(pauseAfter(10, 1, 50_000)).toBe(0)
})

it('lets the next one wait while others wait for something else', async () => {
  let others = true
  const othersWait = vi.fn(() => others)
  const turns = new FormTurns({ turnMs: NEVER_MS, othersWait })
  const first = open()
  const taken = turns.take(first.work)
  const looked = vi.fn(async () => {})
  const next = turns.take(looked)
  first.end()
  await taken
  // It looks again and again.
  await vi.waitUntil(() => othersWait.mock.calls.length > 3)
  expect(looked).not.toHaveBeenCalled()
  others = false
  await next
  expect(looked).toHaveBeenCalledOnce()
})

it('lets none wait for others any more that has waited for long', async () => {
  const turns = new FormTurns({ turnMs: NEVER_MS, othersWait: () => true })
  const taken = [1, 2, 3].map((n) => turns.take(async () => n, NEVER_MS / 2))
  expect(await Promise.all(taken)).toEqual([1, 2, 3])
})

it('refuses one whose turn does not come in time, and keeps the turn of the others', async () => {
  const turns = new FormTurns({ turnMs: 50 })
  const first = open()
  const taken = turns.take(first.work)
  await expect(turns.take(async () => {})).rejects.toMatchObject({
    failure: { code: 'TOO_MANY_UPLOADS' },
  })
  first.end()
  await taken
  // After the pause behind it.
  await expect.poll(() => turns.take(async () => 'taken').catch(() => 'refused')).toBe('taken')
})

it('refuses one whose time was waited for before, where it would have to wait again', async () => {
  const turns = new FormTurns({ turnMs: NEVER_MS })
  const first = open()
  const taken = turns.take(first.work)
  await expect(turns.take(async () => {}, NEVER_MS)).rejects.toMatchObject({
    failure: { code: 'TOO_MANY_UPLOADS' },
  })
  first.end()
  await taken
})
