import { describe, expect, it } from 'vitest'
import { messageGroup, queueName } from './names.ts'

describe('names that SQS takes', () => {
  it('gives each group a queue of its own', () => {
    const groups = [
      'a.b',
      'a_b',
      'a-b',
      'a_-b',
      'a__b',
      `${'long.'.repeat(12)}`,
      'long_'.repeat(12),
    ]
    const queues = groups.map((group) => queueName('banyan-', group))
    expect(new Set(queues).size).toBe(groups.length)
    for (const queue of queues) expect(queue).toMatch(/^[A-Za-z0-9_-]{1,75}\.fifo$/)
    expect(queueName('banyan-', 'orders')).toBe('banyan-orders.fifo')
  })

  it('keeps a key as it is where SQS takes it, and hashes others', () => {
    expect(messageGroup('order-17')).toBe('order-17')
    for (const key of ['', 'a key', 'ü', 'x'.repeat(129), 'sha256:x']) {
      expect(messageGroup(key)).toMatch(/^sha256:[0-9a-f]{64}$/)
    }
  })
})
