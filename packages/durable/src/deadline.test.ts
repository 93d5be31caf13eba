import { describe, expect, it } from 'vitest'
import { CutOff } from './deadline.ts'
import { TookTooLong } from './together.ts'

/** Work that ends when it is told to. */
function open<T>() {
  let resolve!: (answer: T) => void
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

describe('the time that work has', () => {
  it('answers what the work answers, and throws what it throws, also before it is a promise', async () => {
    const cutOff = new CutOff()
    const failing = () => {
      throw new Error('at once')
    }
    await expect(cutOff.within(60_000, 'It', async () => 7)).resolves.toBe(7)
    await expect(cutOff.within(60_000, 'It', () => Promise.reject('no'))).rejects.toBe('no')
    await expect(cutOff.within(60_000, 'It', failing)).rejects.toThrow('at once')
    cutOff.end()
  })

  it('tells of work that was cut off once, however late it answers', async () => {
    const cutOff = new CutOff()
    const { promise, resolve } = open<string>()
    const told: unknown[] = []
    const over = open<void>()
    const failed = (error: unknown) => {
      told.push(error)
      over.resolve()
    }
    cutOff.carry(
      0,
      'It',
      () => promise,
      (answer) => told.push(answer),
      failed,
    )
    await over.promise
    resolve('late')
    await promise
    await new Promise(setImmediate)
    expect(told).toEqual([expect.any(TookTooLong)])
  })

  it('ends for all at once, its signals too, and begins nothing any more', async () => {
    const cutOff = new CutOff()
    const signals: AbortSignal[] = []
    let begun = 0
    const endless = (limit: { signal: AbortSignal }) => {
      begun++
      signals.push(limit.signal)
      return open<void>().promise
    }
    const one = cutOff.within(60_000, 'One', endless)
    const two = cutOff.within(60_000, 'Two', endless)
    cutOff.end()
    await expect(one).rejects.toThrow('One was cut off')
    await expect(two).rejects.toThrow('Two was cut off')
    await expect(cutOff.within(60_000, 'Three', endless)).rejects.toThrow('Three was cut off')
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
    expect(begun).toBe(2)
  })
})
