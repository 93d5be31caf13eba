import type { Durable, OutboxDepth } from '@banyan/durable'
import type { Transport } from './transport.ts'

export interface BusStatus {
  /** What was published and has not left the service's database. */
  readonly outbox: OutboxDepth
  /** Messages that could not be sent, ever. */
  readonly unsent: number
  readonly consumers: readonly ConsumerStatus[]
}

export interface ConsumerStatus {
  readonly consumer: string
  /** Messages that the transport keeps for it; null while it does not say, since it is away. */
  readonly backlog: number | null
  /** Messages in the inbox that failed, and those of their keys behind them. */
  readonly waiting: number
  /** Since the oldest of these happened, ms; 0 when there is none. */
  readonly oldestMs: number
  readonly deadLetters: number
}

export async function busStatus(
  durable: Durable,
  transport: Transport,
  consumers: readonly string[],
): Promise<BusStatus> {
  const [outbox, waiting, dead, unsent, backlogs] = await Promise.all([
    durable.outbox.depth(),
    durable.inbox.waiting(),
    durable.deadLetters.count('event'),
    durable.deadLetters.count('outgoing'),
    // What stands in our own tables is worth most while the transport is away.
    Promise.all(consumers.map((consumer) => transport.backlog(consumer).catch(() => null))),
  ])
  return {
    outbox,
    unsent: [...unsent.values()].reduce((sum, letters) => sum + letters, 0),
    consumers: consumers.map((consumer, i) => ({
      consumer,
      backlog: backlogs[i]!,
      waiting: waiting.get(consumer)?.messages ?? 0,
      oldestMs: waiting.get(consumer)?.oldestMs ?? 0,
      deadLetters: dead.get(consumer) ?? 0,
    })),
  }
}
