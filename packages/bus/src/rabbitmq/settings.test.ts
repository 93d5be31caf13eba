import { describe, expect, it } from 'vitest'
import { type RabbitmqSettings, settle } from './settings.ts'

const URL = 'amqp://user:secret@127.0.0.1:5672'

describe('the settings of RabbitMQ', () => {
  it('need only a URL', () => {
    expect(settle({ url: URL })).toMatchObject({ exchange: 'banyan.events', partitions: 8 })
  })

  it.each<[Partial<RabbitmqSettings>, string]>([
    [{ url: 'http://user:secret@host' }, 'url: given http://'],
    [{ url: 'user:secret' }, 'url: given user:'],
    [{ url: 'secret' }, 'url: what is given is not a URL'],
    [{ exchange: 'an exchange' }, 'exchange: given "an exchange"'],
    [{ partitions: 0 }, 'partitions: given 0; a whole number from 1 to 256'],
    [{ prefetch: 70_000 }, 'prefetch: given 70000'],
    [{ confirmTimeoutMs: 1.5 }, 'confirmTimeoutMs: given 1.5'],
  ])('refuse %j, and say what is allowed', (setting, reason) => {
    expect(() => settle({ url: URL, ...setting })).toThrow(reason)
  })

  it('do not repeat a password in an error', () => {
    for (const url of ['http://user:secret@host', 'secret']) {
      let text = ''
      try {
        settle({ url })
      } catch (error) {
        text = JSON.stringify([String(error), error])
      }
      expect(text).toContain('amqp://')
      expect(text).not.toContain('secret')
    }
  })
})
