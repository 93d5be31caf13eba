import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Comparison,
  checkHistory,
  findLeftovers,
  type LoadCounts,
  type ManagedProcess,
  readHistory,
  type Supervisor,
  type Verdict,
} from '@banyan/lab'
import pg from 'pg'
import { compareWishlists, WISHLISTS } from './comparison.ts'
import type { LoadSetting } from './load.ts'
import { choosePeople, finalOf, initialOf } from './people.ts'
import { type Lego, startLoad } from './topology.ts'
import type { Person } from './wisher.ts'

export interface TrialOptions {
  readonly people: number
  /** Requests a second. */
  readonly rate: number
  readonly seed: number
}

/** Both sides after debounced orders were applied and the streams have delivered, ms at most. */
const QUIET_MS = 30_000

/** Users who work through the gateway while the extraction runs, and the judgement of what they met. */
export class Trial {
  readonly people: readonly Person[]
  readonly historyFile: string
  readonly #lego: Lego
  readonly #load: ManagedProcess
  readonly #counts: () => LoadCounts

  private constructor(
    lego: Lego,
    people: readonly Person[],
    historyFile: string,
    load: ManagedProcess,
    counts: () => LoadCounts,
  ) {
    this.#lego = lego
    this.people = people
    this.historyFile = historyFile
    this.#load = load
    this.#counts = counts
  }

  /** Chooses the people and lets them begin. */
  static async begin(supervisor: Supervisor, lego: Lego, options: TrialOptions): Promise<Trial> {
    const people = await choosePeople(lego.urls, options.people, options.seed)
    const historyFile = join(supervisor.folder, 'history.ndjson')
    const settingFile = join(supervisor.folder, 'load.json')
    const { rate, seed } = options
    const setting: LoadSetting = { url: lego.gateway.url, rate, seed, people, history: historyFile }
    await writeFile(settingFile, JSON.stringify(setting), { mode: 0o600 })
    let counts = {} as LoadCounts
    const load = await startLoad(supervisor, settingFile, (event) => {
      counts = event as unknown as LoadCounts
    })
    return new Trial(lego, people, historyFile, load, () => counts)
  }

  get counts(): LoadCounts {
    return this.#counts()
  }

  /** The people stop; every answer that was due has come, and is in the history. */
  async endLoad(): Promise<void> {
    await this.#load.stop(60_000)
    const code = await this.#load.ended()
    if (code !== 0) {
      throw new Error(`the load ended with code ${code}:\n${this.#load.lastLines(10).join('\n')}`)
    }
  }

  /** Waits until no order is pending and both sides hold the same rows; answers the last comparison. */
  async quiet(): Promise<Comparison> {
    const { monolith, wishlist } = this.#lego.urls
    const deadline = Date.now() + QUIET_MS
    for (;;) {
      const [comparison, waiting] = await Promise.all([
        compareWishlists(monolith, wishlist),
        pendingOrders(wishlist),
      ])
      if (comparison.divergent === 0 && waiting === 0) return comparison
      if (Date.now() > deadline) return comparison
      await delay(200)
    }
  }

  /** Holds the histories against the rows of the side that owns every bucket. */
  async judge(owner: 'source' | 'target'): Promise<Verdict> {
    const { monolith, wishlist } = this.#lego.urls
    const wishlists = { url: owner === 'target' ? wishlist : monolith, sql: WISHLISTS[owner] }
    return checkHistory({
      initial: initialOf(this.people),
      operations: readHistory(this.historyFile),
      final: await finalOf(this.people, wishlists, monolith),
    })
  }

  /** What is left of ours in both sides' databases, named by side. */
  async leftovers(): Promise<string[]> {
    const { monolith, wishlist } = this.#lego.urls
    const [source, target] = await Promise.all([findLeftovers(monolith), findLeftovers(wishlist)])
    return [...source.map((what) => `source: ${what}`), ...target.map((what) => `target: ${what}`)]
  }

  /**
   * Writes to a moved row straight into the monolith's database, behind the gateway's back.
   *
   * @returns the database's refusal. @throws when it was not refused.
   */
  async writeBehindTheGateway(): Promise<{ code: string; message: string }> {
    const client = new pg.Client({ connectionString: this.#lego.urls.monolith })
    await client.connect()
    try {
      const { rowCount } = await client.query(
        `UPDATE wishlist_items SET quantity = quantity
          WHERE id = (SELECT id FROM wishlist_items WHERE user_id = $1 LIMIT 1)`,
        [this.people[0]!.id],
      )
      throw new Error(`the monolith's database took a write to ${rowCount} moved row(s)`)
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (code !== 'BN001') throw error
      return { code, message }
    } finally {
      await client.end()
    }
  }
}

async function pendingOrders(target: string): Promise<number> {
  const client = new pg.Client({ connectionString: target })
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM wishlist.pending_reorders',
    )
    return rows[0]!.n
  } finally {
    await client.end()
  }
}
