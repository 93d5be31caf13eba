import { randomUUID } from 'node:crypto'
import type { Pool } from '@banyan/postgres'
import { Repeated } from '../repeated.ts'
import { LANES, type Statements } from './statements.ts'

export interface MembershipOptions {
  readonly pool: Pool
  readonly sql: Statements
  readonly channel: string
  readonly group: number
  readonly leaseMs: number
  /** Whether something of the lane runs or is not yet acknowledged. */
  readonly busy: (lane: number) => boolean
  /** Called when lanes were taken, lost or are to be let go. */
  readonly changed: () => void
  /** Called when the lease was renewed. */
  readonly renewed: () => void
}

/** What a beat tells. */
interface Census {
  /** 0 when the member was expelled. */
  readonly beaten: number
  readonly members: number
  /** The lanes that it holds. */
  readonly mine: readonly number[]
}

/**
 * One member's part of a group: the lanes it holds, for as long as it says in time that it lives.
 * Members share the lanes evenly; who has too many lets go of some when nothing of theirs runs.
 */
export class Membership {
  readonly #options: MembershipOptions
  readonly #beating: Repeated
  /** The lanes to work on; another object each time that a lane is taken. */
  readonly lanes = new Map<number, object>()
  readonly #leaving = new Set<number>()
  #id = randomUUID() as string
  #deadline = 0

  private constructor(options: MembershipOptions) {
    this.#options = options
    this.#beating = new Repeated(options.leaseMs / 3, () => this.#beat())
  }

  static async join(options: MembershipOptions): Promise<Membership> {
    const membership = new Membership(options)
    try {
      await membership.#join()
    } catch (error) {
      await membership.#beating.stop()
      throw error
    }
    membership.#beating.poke()
    return membership
  }

  /** Whether the lease holds, by our clock, which began before the server's. */
  get alive(): boolean {
    return performance.now() < this.#deadline
  }

  get lettingGo(): boolean {
    return this.#leaving.size > 0
  }

  /** Looks at once at who is there, and which lanes can be taken or let go. */
  look(): void {
    this.#beating.poke()
  }

  /** Frees its lanes for the others. */
  async leave(): Promise<void> {
    await this.#beating.stop()
    const { pool, sql } = this.#options
    // When this fails the others find out by the deadline.
    await pool.query(sql.leave, [this.#id]).catch(() => {})
    await this.#tellOthers().catch(() => {})
  }

  async #join(): Promise<void> {
    const { pool, sql, group, leaseMs } = this.#options
    const sentAt = performance.now()
    await pool.query(sql.join, [this.#id, group, leaseMs])
    this.#deadline = sentAt + leaseMs
    await this.#tellOthers()
  }

  async #beat(): Promise<void> {
    const { pool, sql, group, leaseMs } = this.#options
    const sentAt = performance.now()
    const { rows } = await pool.query<Census>(sql.beat, [this.#id, leaseMs, group])
    if (rows[0]!.beaten === 0) {
      this.lanes.clear()
      this.#leaving.clear()
      this.#options.changed()
      // Under its old name a claim of it that is still on its way could succeed.
      this.#id = randomUUID()
      await this.#join()
      return this.#beat()
    }
    this.#deadline = sentAt + leaseMs
    const before = new Set(this.lanes.values())
    await this.#share(rows[0]!)
    await this.#letGo()
    const lanes = [...this.lanes.values()]
    if (lanes.length !== before.size || lanes.some((lane) => !before.has(lane))) {
      this.#options.changed()
    }
    this.#options.renewed()
  }

  async #share({ members, mine }: Census): Promise<void> {
    const { pool, sql, group } = this.#options
    const held = new Set(mine)
    for (const lane of this.lanes.keys()) if (!held.has(lane)) this.lanes.delete(lane)
    for (const lane of this.#leaving) if (!held.has(lane)) this.#leaving.delete(lane)
    // One whose taking was not answered.
    for (const lane of mine) this.#hold(lane)
    const share = Math.ceil(LANES / members)
    const surplus = this.lanes.size - share
    if (surplus > 0) {
      for (const lane of [...this.lanes.keys()].slice(-surplus)) {
        this.lanes.delete(lane)
        this.#leaving.add(lane)
      }
    } else if (surplus < 0) {
      const taken = await pool.query<{ lane: number }>(sql.takeLanes, [group, this.#id, -surplus])
      for (const { lane } of taken.rows) this.#hold(lane)
    }
  }

  #hold(lane: number): void {
    if (!this.lanes.has(lane) && !this.#leaving.has(lane)) this.lanes.set(lane, {})
  }

  async #letGo(): Promise<void> {
    if (!this.lettingGo) return
    this.#options.changed()
    const free = [...this.#leaving].filter((lane) => !this.#options.busy(lane))
    if (free.length === 0) return
    const { pool, sql, group } = this.#options
    await pool.query(sql.releaseLanes, [group, this.#id, free])
    for (const lane of free) this.#leaving.delete(lane)
    await this.#tellOthers()
  }

  async #tellOthers(): Promise<void> {
    const { pool, sql, channel, group } = this.#options
    await pool.query(sql.notify, [channel, membersChanged(group)])
  }
}

/** What is said on the channel when a member came, left or let lanes go. */
export function membersChanged(group: number): string {
  return `members ${group}`
}
