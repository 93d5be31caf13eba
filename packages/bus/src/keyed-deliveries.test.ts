import { beforeEach, describe, expect, it } from 'vitest'
import { type InHand, KeyedDeliveries } from './keyed-deliveries.ts'

describe('deliveries by key', () => {
  /** What was begun, in order: key and body. */
  let begun: string[]
  let delivered: string[]
  let surrendered: string[]
  let may: boolean
  /** By `key body`: what ends its delivery. */
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>()

  beforeEach(() => {
    begun = []
    delivered = []
    surrendered = []
    may = true
    ends.clear()
  })

  it('run side by side, but one of a key', async () => {
    const deliveries = make(3)
    deliveries.add([item('a', 1), item('a', 2), item('b', 1), item('c', 1), item('d', 1)])
    expect(begun).toEqual(['a 1', 'b 1', 'c 1'])
    await end('a 1')
    // The key that waits longest is next, not the one that has just had its turn.
    expect(begun.slice(3)).toEqual(['d 1'])
    await end('b 1')
    expect(begun.slice(4)).toEqual(['a 2'])
    expect(delivered).toEqual(['a 1', 'b 1'])
    expect(deliveries.held).toBe(3)
  })

  it('that are rejected come again, and what is behind them is given back', async () => {
    const deliveries = make(2)
    deliveries.add([item('a', 1), item('a', 2), item('b', 1)])
    await fail('a 1')
    expect(surrendered).toEqual(['a 2'])
    expect(deliveries.blocked).toEqual(['a'])
    expect(deliveries.held).toBe(2)
    await expect.poll(() => begun.filter((one) => one === 'a 1')).toHaveLength(2)
    await end('a 1')
    expect(deliveries.blocked).toEqual([])
    expect(delivered).toEqual(['a 1'])
  })

  it('that have not begun can be dropped; those that run cannot', async () => {
    const deliveries = make(1)
    deliveries.add([item('a', 1), item('a', 2), item('b', 1)])
    deliveries.drop(() => true)
    expect(deliveries.held).toBe(1)
    await end('a 1')
    expect(begun).toEqual(['a 1'])
    expect(deliveries.held).toBe(0)
  })

  it('whose pause is dropped do not come again, and a new one of the key comes at once', async () => {
    const deliveries = make(1)
    deliveries.add([item('a', 1)])
    await fail('a 1')
    deliveries.drop(() => true)
    expect(deliveries.blocked).toEqual([])
    deliveries.add([item('a', 7)])
    expect(begun).toEqual(['a 1', 'a 7'])
  })

  it('do not begin while they may not', () => {
    const deliveries = make(2)
    may = false
    deliveries.add([item('a', 1)])
    expect(begun).toEqual([])
    may = true
    deliveries.resume()
    expect(begun).toEqual(['a 1'])
  })

  it('that run are waited for at the stop, and none begins after it', async () => {
    const deliveries = make(1)
    deliveries.add([item('a', 1), item('b', 1)])
    let stopped = false
    const stopping = deliveries.stop().then(() => {
      stopped = true
    })
    await Promise.resolve()
    expect(stopped).toBe(false)
    await end('a 1')
    await stopping
    expect(begun).toEqual(['a 1'])
  })

  function make(concurrency: number): KeyedDeliveries<InHand> {
    return new KeyedDeliveries({
      concurrency,
      deliver: ({ key, body }) => {
        begun.push(`${key} ${body}`)
        return new Promise<void>((resolve, reject) => {
          ends.set(`${key} ${body}`, { resolve, reject })
        })
      },
      delivered: ({ message: { key, body } }) => delivered.push(`${key} ${body}`),
      surrendered: (items) => {
        surrendered.push(...items.map(({ message: { key, body } }) => `${key} ${body}`))
      },
      mayBegin: () => may,
    })
  }

  function item(key: string, n: number): InHand {
    const message = { id: `${key}-${n}`, type: 't', key, body: String(n), headers: {} }
    return { message }
  }

  async function end(name: string): Promise<void> {
    ends.get(name)!.resolve()
    await settled()
  }

  async function fail(name: string): Promise<void> {
    ends.get(name)!.reject(new Error('not now'))
    await settled()
  }

  function settled(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }
})
