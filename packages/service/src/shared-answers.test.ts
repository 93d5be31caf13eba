import { expect, it, vi } from 'vitest'
import { SharedAnswers } from './shared-answers.ts'

interface Reading {
  end(): void
  fail(): void
}

/** Readings of a list, each of which ends when it is told to, with what there was when it began. */
function setUp() {
  const answers = new SharedAnswers()
  const readings: Reading[] = []
  let newest = 0
  let written = 0
  const reply = {
    statusCode: 200,
    serialize: (body: unknown) => {
      written += 1
      return JSON.stringify(body)
    },
    getHeader: () => undefined,
    header: () => undefined,
    status: () => undefined,
    type: () => undefined,
    send: (body: unknown) => body,
  }
  const read = () => {
    const seen = newest
    return new Promise((resolve, reject) => {
      readings.push({ end: () => resolve({ seen }), fail: () => reject(new Error('away')) })
    })
  }
  return {
    readings,
    add: () => void newest++,
    ask: (url = '/v1/things') => answers.answer({ url }, reply, read),
    get written() {
      return written
    },
  }
}

it('who asks while it is read shares the next reading, which has all that was there by then', async () => {
  const list = setUp()
  const first = list.ask()
  list.add()
  const others = [list.ask(), list.ask()]
  list.add()
  others.push(list.ask())
  expect(list.readings).toHaveLength(1)
  list.readings[0]!.end()
  expect(await first).toBe('{"seen":0}')
  await vi.waitFor(() => expect(list.readings).toHaveLength(2))
  list.add()
  const last = list.ask()
  list.readings[1]!.end()
  expect(await Promise.all(others)).toEqual(Array(3).fill('{"seen":2}'))
  await vi.waitFor(() => expect(list.readings).toHaveLength(3))
  list.readings[2]!.end()
  expect(await last).toBe('{"seen":3}')
  expect(list.written).toBe(3)
})

it('reads at once where nothing is being read, and each URL by itself', async () => {
  const list = setUp()
  const [one, other] = [list.ask('/v1/things?a'), list.ask('/v1/things?b')]
  expect(list.readings).toHaveLength(2)
  for (const reading of list.readings) reading.end()
  await Promise.all([one, other])
  list.add()
  const again = list.ask('/v1/things?a')
  expect(list.readings).toHaveLength(3)
  list.readings[2]!.end()
  expect(await again).toBe('{"seen":1}')
})

it('tells of a failure those alone whose reading it was', async () => {
  const list = setUp()
  const first = list.ask()
  const second = list.ask()
  list.readings[0]!.fail()
  await expect(first).rejects.toThrow('away')
  await vi.waitFor(() => expect(list.readings).toHaveLength(2))
  const [third, fourth] = [list.ask(), list.ask()]
  list.readings[1]!.end()
  expect(await second).toBe('{"seen":0}')
  await vi.waitFor(() => expect(list.readings).toHaveLength(3))
  list.readings[2]!.fail()
  await expect(third).rejects.toThrow('away')
  await expect(fourth).rejects.toThrow('away')
  const last = list.ask()
  expect(list.readings).toHaveLength(4)
  list.readings[3]!.end()
  expect(await last).toBe('{"seen":0}')
})
