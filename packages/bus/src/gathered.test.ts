import { afterEach, describe, expect, it, vi } from 'vitest'
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

  describe('with a rest between', () => {
    afterEach(() => {
      vi.useRealTimers()
    })

    const RESTS_MS = 1_000
    const started = () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate'] })
      const batches: (readonly number[])[] = []
      const work = async (batch: readonly number[]) => {
        batches.push(batch)
        return 0
      }
      return { batches, gathered: new Gathered<number>(4, 3, work, RESTS_MS) }
    }

    it('begins at once after a pause, and leaves to gather what comes within the rest', async () => {
      const { batches, gathered } = started()
      void gathered.add(1)
      await vi.advanceTimersByTimeAsync(1)
      void gathered.add(2)
      await vi.advanceTimersByTimeAsync(RESTS_MS / 2)
      void gathered.add(3)
      await vi.advanceTimersByTimeAsync(RESTS_MS / 4)
      expect(batches).toEqual([[1]])
      await vi.advanceTimersByTimeAsync(RESTS_MS / 4)
      expect(batches).toEqual([[1], [2, 3]])
    })

    it('does not rest while there is a whole batch', async () => {
      const { batches, gathered } = started()
      void gathered.add(1)
      await vi.advanceTimersByTimeAsync(1)
      for (const n of [2, 3, 4, 5]) void gathered.add(n)
      await vi.advanceTimersByTimeAsync(1)
      expect(batches).toEqual([[1], [2, 3, 4]])
      await vi.advanceTimersByTimeAsync(RESTS_MS)
      expect(batches).toEqual([[1], [2, 3, 4], [5]])
    })
  })
})
