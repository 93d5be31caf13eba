import { BanyanError } from '@banyan/contracts'

export interface RabbitmqSettings {
  /** `amqp://user:password@host:port/vhost`, or `amqps://` for TLS. */
  readonly url: string
  /** The topic exchange that carries every event; queues have its name in front. */
  readonly exchange?: string
  /**
   * Queues of each group: so many members can share its work. The same for all who use the exchange,
   * and for good: another number would put a key into another queue than before.
   */
  readonly partitions?: number
  /**
   * Messages of a partition in hand at most. A key that stands still holds up nothing else as long as
   * fewer than so many messages wait behind it in its partition.
   */
  readonly prefetch?: number
  /** How often a member looks whether it holds more than its share of the partitions, ms. */
  readonly rebalanceMs?: number
  /** After how long without a sign of life a connection is given up, s; the broker does so too. */
  readonly heartbeatS?: number
  /** How long the broker may take to confirm a batch, ms; a broker out of memory or disk does not confirm. */
  readonly confirmTimeoutMs?: number
}

export type Settled = Required<RabbitmqSettings>

/** @throws BanyanError BAD_BUS_SETTING, which names the setting, what was given and what is allowed. */
export function settle(given: RabbitmqSettings): Settled {
  const exchange = given.exchange ?? 'banyan.events'
  // A queue's name is at most 255 bytes: exchange, group (60), partition.
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(exchange)) {
    refuse(`exchange: given "${exchange}"; 1 to 100 letters, digits, ".", "_" and "-"`)
  }
  return {
    url: checkedUrl(given.url),
    exchange,
    partitions: between('partitions', given.partitions ?? 8, 1, 256),
    // What the broker takes for a prefetch has 16 bits.
    prefetch: between('prefetch', given.prefetch ?? 256, 1, 65_535),
    rebalanceMs: between('rebalanceMs', given.rebalanceMs ?? 2_000, 1, 3_600_000),
    heartbeatS: between('heartbeatS', given.heartbeatS ?? 10, 1, 3_600),
    confirmTimeoutMs: between('confirmTimeoutMs', given.confirmTimeoutMs ?? 30_000, 1, 600_000),
  }
}

function checkedUrl(url: string): string {
  // The URL may hold a password: it is not repeated.
  if (!URL.canParse(url)) refuse('url: what is given is not a URL; amqp://… or amqps://… is needed')
  const { protocol } = new URL(url)
  if (protocol !== 'amqp:' && protocol !== 'amqps:') {
    refuse(`url: given ${protocol}//…; amqp://… or amqps://… is needed`)
  }
  return url
}

function between(name: string, given: number, least: number, most: number): number {
  if (Number.isInteger(given) && given >= least && given <= most) return given
  return refuse(`${name}: given ${given}; a whole number from ${least} to ${most} is needed`)
}

function refuse(reason: string): never {
  throw new BanyanError('BAD_BUS_SETTING', { reason })
}
