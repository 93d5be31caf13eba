/**
 * What the bus asks of a broker. Each transport passes the one conformance suite
 * (`src/conformance/`), which is the precise form of what stands here.
 */
export interface Transport {
  readonly name: string
  /**
   * Resolves when the broker has the whole batch durably: a broker killed the moment after has it
   * when it is back. Keeps the order of each key, within a batch and from batch to batch.
   *
   * Rejects when it cannot tell (a broker that is away, a connection that broke). The caller then
   * sends the same messages again, so that a group may see one of them twice.
   */
  publish(messages: readonly WireMessage[]): Promise<void>
  /**
   * Makes the caller a member of a group. Resolves when the group gets whatever is published from
   * now on; a group goes on gathering messages while none of its members is there.
   *
   * `deliver` is called at least once for each message of the types asked for, by one of the group's
   * members. It resolves to acknowledge; when it rejects, the message is delivered again, after a
   * pause of the transport's choosing. Messages of one key come one at a time, in the order they were
   * published: one that was rejected, or whose member died, holds up those behind it with its key, and
   * nothing else. A lost connection is made again by the transport.
   */
  subscribe(
    subscription: SubscriptionRequest,
    deliver: (message: WireMessage) => Promise<void>,
  ): Promise<Subscription>
  /** How many messages the group has not acknowledged, as well as the broker can tell; for metrics. */
  backlog(group: string): Promise<number>
  /** Resolves when the broker answers; for readiness. @throws what the broker or the network said. */
  check(): Promise<void>
  /** Closes every subscription (see there), waits for what is being published, disconnects. May be called twice. */
  close(): Promise<void>
}

export interface SubscriptionRequest {
  /** Letters, digits, `.`, `_` and `-`, at most 60. */
  readonly group: string
  /** Event types; the same for all members of a group. Letters, digits, `.`, `_` and `-`, at most 100. */
  readonly types: readonly string[]
  /** Deliveries at once in this member, each of another key; DEFAULT_CONCURRENCY when left out. */
  readonly concurrency?: number
}

export const DEFAULT_CONCURRENCY = 16

export interface Subscription {
  /**
   * Stops taking, waits for the deliveries that run and acknowledges those that resolve; what was
   * rejected or not begun goes to another member. The group stays.
   */
  close(): Promise<void>
}

export interface WireMessage {
  /** Unique; a message sent again after a failure has the same. */
  readonly id: string
  /** Event type, e.g. `order.placed`. */
  readonly type: string
  /** Ordering key: any text, e.g. the id of the aggregate. */
  readonly key: string
  /** Text, as a rule the envelope as JSON. */
  readonly body: string
  /** Names in lower case, values any text. */
  readonly headers: Readonly<Record<string, string>>
}
