import { BanyanError } from '@banyan/contracts'

export interface AwsSettings {
  /** Left out: what the SDK finds (AWS_REGION, the profile). Credentials it always finds itself. */
  readonly region?: string
  /** Another SQS than that of the region, e.g. http://127.0.0.1:14324. */
  readonly sqsEndpoint?: string
  /** Queues of this bus begin with it; two buses of one account need two. */
  readonly queuePrefix?: string
  /** Whether a group's queue is made when it is not there; false: it must be there. */
  readonly create?: boolean
  /** Each event is told to this event bus too, for whoever is not one of our groups. */
  readonly eventBridge?: {
    readonly bus: string
    /** `source` of the entries of an event that names none in `ce-source`. */
    readonly source?: string
    readonly endpoint?: string
  }
  /** The largest message, bytes, attributes included: 262,144, or up to 1,048,576 where the queues take it. */
  readonly maxMessageBytes?: number
  /** How long a message stays away from other members after a sign of life of the one that has it, s. */
  readonly visibilityTimeoutS?: number
  /** How long SQS may hold back the answer to a question for messages, s; `close` may wait as long. */
  readonly waitS?: number
  /**
   * For how long a publisher relies on the list of groups that it has read, ms. The first `subscribe` of
   * a group waits as long, so that every publisher knows of it: the same value for all processes.
   */
  readonly groupsMaxAgeMs?: number
}

export type Settled = Required<Omit<AwsSettings, 'region' | 'sqsEndpoint' | 'eventBridge'>>

/** SQS takes 80 characters, of which a group's name gets 60 or is shortened. */
const PREFIX = /^[A-Za-z0-9_-]{1,40}$/

/** @throws BanyanError BAD_BUS_SETTING, which names the setting, what was given and what is allowed. */
export function settle(given: AwsSettings): Settled {
  const queuePrefix = given.queuePrefix ?? 'banyan-'
  if (!PREFIX.test(queuePrefix)) {
    refuse(`queuePrefix: given "${queuePrefix}"; 1 to 40 letters, digits, "_" and "-"`)
  }
  return {
    queuePrefix,
    create: given.create ?? true,
    maxMessageBytes: within('maxMessageBytes', given.maxMessageBytes ?? 262_144, 1_024, 1_048_576),
    visibilityTimeoutS: within('visibilityTimeoutS', given.visibilityTimeoutS ?? 30, 1, 43_200),
    waitS: within('waitS', given.waitS ?? 5, 0, 20),
    groupsMaxAgeMs: within('groupsMaxAgeMs', given.groupsMaxAgeMs ?? 10_000, 0, 3_600_000),
  }
}

function within(name: string, given: number, least: number, most: number): number {
  if (Number.isInteger(given) && given >= least && given <= most) return given
  return refuse(`${name}: given ${given}; a whole number from ${least} to ${most} is needed`)
}

function refuse(reason: string): never {
  throw new BanyanError('BAD_BUS_SETTING', { reason })
}
