import { describe, expect, it } from 'vitest'
import { Gathered } from './gathered.ts'

describe('gathered work', () => {
  it('that is quick goes in batches of what came meanwhile, in order', async () => {
    const batches: (readonly number[])[] = []
    const gathered = new Gathered<number>(1, 10, async (batch) => {
      batches.push(batch)
      await Promise.resolve()
      return 0
    })
    await Promise.all(Array.from({ length: 25 }, (_, n) => gathered.add(n)))
    expect(batches.map((batch) => batch.length)).toEqual([10, 10, 5])
    expect(batches.flat()).toEqual(Array.from({ length: 25 }, (_, n) => n))
  })

  it('that is slow goes one by one in the end', async () => {
    let last = 0
    const gathered = new Gathered<number>(1, 10, async (batch) => {
      last = batch.length
      return 100 * batch.length
    })
    await Promise.all(Array.from({ length: 100 }, (_, n) => gathered.add(n)))
    expect(last).toBe(1)
  })

  it('runs as many batches at once as it may', async () => {
    const opens: (() => void)[] = []
    const gathered = new Gathered<number>(2, 1, async () => {
      await new Promise<void>((resolve) => opens.push(resolve))
      return 0
    })
    const done = Promise.all([gathered.add(1), gathered.add(2), gathered.add(3)])
    await new Promise((resolve) => setImmediate(resolve))
    expect(opens).toHaveLength(2)
    while (opens.length > 0) {
      opens.shift()!()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await done
  })

  it('that fails fails for all of its batch, and the next one is done', async () => {
    let fails = true
    const gathered = new Gathered<number>(1, 10, async () => {
      if (fails) throw new Error('no database')
      return 0
    })
    await expect(gathered.add(1)).rejects.toThrow('no database')
    fails = false
    await gathered.add(2)
  })
})
