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

it('pauses after each, for eight times what it took, or less where many wait', () => {
  expect(pauseAfter(10, Number.POSITIVE_INFINITY)).toBe(80)
  expect(pauseAfter(10, 400)).toBe(80)
  expect(pauseAfter(100, 4_000)).toBe(250)
  expect(pauseAfter(160, 400)).toBe(240)
  expect(pauseAfter(400, 400)).toBe(0)
  expect(pauseAfter(500, 400)).toBe(0)
})

it('lets all begin in time, if need be before those of others have ended', async () => {
  const turns = new FormTurns({ turnMs: NEVER_MS })
  const slow = open()
  let began = 0
  const taken = [1, 2, 3].map(() =>
    turns.take(() => {
      began += 1
      return slow.work()
    }, NEVER_MS * 0.9),
  )
  await expect.poll(() => began).toBe(3)
  slow.end()
  await Promise.all(taken)
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
  const work = vi.fn(first.work)
  const taken = turns.take(work)
  // Nobody waited when it began, so that it may take its time.
  await expect.poll(() => work.mock.calls.length).toBe(1)
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
