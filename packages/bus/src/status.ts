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
  /** Messages that the transport keeps for it. */
  readonly backlog: number
  /** Messages in the inbox that failed, and those of their keys behind them. */
  readonly waiting: number
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
    Promise.all(consumers.map((consumer) => transport.backlog(consumer))),
  ])
  return {
    outbox,
    unsent: [...unsent.values()].reduce((sum, letters) => sum + letters, 0),
    consumers: consumers.map((consumer, i) => ({
      consumer,
      backlog: backlogs[i]!,
      waiting: waiting.get(consumer) ?? 0,
      deadLetters: dead.get(consumer) ?? 0,
    })),
  }
}
