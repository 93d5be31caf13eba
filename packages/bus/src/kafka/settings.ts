import { randomUUID } from 'node:crypto'
import { BanyanError } from '@banyan/contracts'
import type { KafkaConfig } from 'kafkajs'

export interface KafkaSettings {
  /** `host:port` of one or more brokers; the rest are found through them. */
  readonly brokers: readonly string[]
  /** The one topic that carries every event; see docs/decisions/027-kafka.md for why one. */
  readonly topic?: string
  /**
   * Name under which transactions are made: one for each process that publishes, the same after its
   * restart. A second process under the same name fences the first off for good. Left out, a name of
   * this process alone is taken: nobody is fenced, and what a crash left open holds readers up for
   * `transactionTimeoutMs`.
   */
  readonly transactionalId?: string
  /** After how long the broker gives up a transaction whose process died, ms. */
  readonly transactionTimeoutMs?: number
  /** How the topic is made when it is not there; null: it must be there. */
  readonly create?: { readonly partitions?: number; readonly replicas?: number } | null
  /** The largest message, bytes, headers included; a topic made by the transport allows as much. */
  readonly maxMessageBytes?: number
  /** After how long without a sign of life a member is given up, ms; brokers refuse less than 6,000. */
  readonly sessionTimeoutMs?: number
  /** How long a member that is asked to share may take to finish the deliveries that run, ms. */
  readonly rebalanceTimeoutMs?: number
  readonly ssl?: KafkaConfig['ssl']
  readonly sasl?: KafkaConfig['sasl']
}

export interface Settled {
  readonly brokers: string[]
  readonly topic: string
  readonly transactionalId: string
  /** Whether the name of the transactions was given, and may so be fenced off. */
  readonly named: boolean
  readonly transactionTimeoutMs: number
  readonly create: { readonly partitions: number; readonly replicas: number | null } | null
  readonly maxMessageBytes: number
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

/** @throws BanyanError BAD_BUS_SETTING, which names the setting, what was given and what is allowed. */
export function settle(given: KafkaSettings): Settled {
  const brokers = [...given.brokers]
  if (brokers.length === 0 || brokers.some((broker) => !/^.+:\d+$/.test(broker))) {
    throw new BanyanError('BAD_BUS_SETTING', {
      reason: `brokers: given [${brokers}]; a list of host:port is needed`,
    })
  }
  const topic = given.topic ?? 'banyan.events'
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic)) {
    throw new BanyanError('BAD_BUS_SETTING', {
      reason: `topic: given "${topic}"; 1 to 249 letters, digits, ".", "_" and "-"`,
    })
  }
  const create =
    given.create === null
      ? null
      : {
          partitions: atLeast('create.partitions', given.create?.partitions ?? 12, 1),
          replicas:
            given.create?.replicas === undefined
              ? null
              : atLeast('create.replicas', given.create.replicas, 1),
        }
  return {
    brokers,
    topic,
    create,
    named: given.transactionalId !== undefined,
    transactionalId: given.transactionalId ?? `banyan-${randomUUID()}`,
    transactionTimeoutMs: atLeast('transactionTimeoutMs', given.transactionTimeoutMs ?? 10_000, 1),
    maxMessageBytes: atLeast('maxMessageBytes', given.maxMessageBytes ?? 2 * 1024 * 1024, 1_024),
    sessionTimeoutMs: atLeast('sessionTimeoutMs', given.sessionTimeoutMs ?? 10_000, 1),
    rebalanceTimeoutMs: atLeast('rebalanceTimeoutMs', given.rebalanceTimeoutMs ?? 30_000, 1),
  }
}

function atLeast(name: string, given: number, least: number): number {
  if (Number.isInteger(given) && given >= least) return given
  throw new BanyanError('BAD_BUS_SETTING', {
    reason: `${name}: given ${given}; a whole number of at least ${least} is needed`,
  })
}
