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
import { compareSides, GALLERIES, MOCS, PROFILES, WISHLISTS } from './comparison.ts'
import { compareFiles, filesAtStorage, filesInFolder } from './kept-files.ts'
import type { LoadSetting } from './load.ts'
import { choosePeople, finalOf, type Holders, initialOf } from './people.ts'
import { bringsRows, type ExtractionName, type Lego, type RowsName, startLoad } from './topology.ts'
import type { Person } from './wisher.ts'

type SideName = 'source' | 'target'
/** Who owns every bucket of an extraction; the source, where it is not named. */
type Owners = Readonly<Partial<Record<ExtractionName, SideName>>>

export interface TrialOptions {
  readonly people: number
  /** Requests a second. */
  readonly rate: number
  readonly seed: number
  /** Marks what the people make, apart from what those of a trial before made. */
  readonly tag?: string
  /** What has moved before the trial begins. */
  readonly moved?: readonly ExtractionName[]
}

/** Both sides after debounced orders were applied and the streams have delivered, ms at most. */
const QUIET_MS = 30_000
const LOOK_MS = 200

/** A table of the monolith that moves with each extraction. */
const WRITTEN: Readonly<Record<RowsName, string>> = {
  wishlist: 'wishlist_items',
  profile: 'user_profiles',
  gallery: 'gallery_images',
  moc: 'moc_instructions',
}

/** The clients' process; it may be used by one trial after the other. */
export class TrialLoad {
  readonly historyFile: string
  readonly #supervisor: Supervisor
  readonly #settingFile: string
  #process: ManagedProcess | null = null
  #counts = {} as LoadCounts

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
    this.historyFile = join(supervisor.folder, 'history.ndjson')
    this.#settingFile = join(supervisor.folder, 'load.json')
  }

  get counts(): LoadCounts {
    return this.#counts
  }

  async begin(setting: Omit<LoadSetting, 'history'>): Promise<void> {
    const whole: LoadSetting = { ...setting, history: this.historyFile }
    await writeFile(this.#settingFile, JSON.stringify(whole), { mode: 0o600 })
    if (this.#process) return this.#process.start()
    this.#process = await startLoad(this.#supervisor, this.#settingFile, (event) => {
      this.#counts = event as unknown as LoadCounts
    })
  }

  /** Nobody begins anything new until `resume`. */
  pause(): void {
    this.#process?.pause()
  }

  resume(): void {
    this.#process?.resume()
  }

  /** The people stop; every answer that was due has come, and is in the history. */
  async end(): Promise<void> {
    const load = this.#process!
    await load.stop(60_000)
    const code = await load.ended()
    if (code !== 0) {
      throw new Error(`the load ended with code ${code}:\n${load.lastLines(10).join('\n')}`)
    }
  }
}

/** Users who work through the gateways while extractions run, and the judgement of what they met. */
export class Trial {
  readonly people: readonly Person[]
  readonly load: TrialLoad
  readonly #lego: Lego

  private constructor(lego: Lego, people: readonly Person[], load: TrialLoad) {
    this.#lego = lego
    this.people = people
    this.load = load
  }

  /** Chooses the people and lets them begin. */
  static async begin(load: TrialLoad, lego: Lego, options: TrialOptions): Promise<Trial> {
    const moved = Object.fromEntries((options.moved ?? []).map((name) => [name, 'target' as const]))
    const people = await choosePeople(lego.urls.auth, holders(lego, moved), {
      people: options.people,
      seed: options.seed,
      tag: options.tag ?? 'a',
    })
    const { rate, seed } = options
    const urls = lego.gateways.map((gateway) => gateway.url)
    await load.begin({ urls, rate, seed, people })
    return new Trial(lego, people, load)
  }

  get counts(): LoadCounts {
    return this.load.counts
  }

  /** Waits until no order is pending and both sides hold the same rows; answers the last comparison. */
  async quiet(names: readonly ExtractionName[]): Promise<Comparison> {
    const extractions = names.filter(bringsRows)
    const { urls } = this.#lego
    const deadline = Date.now() + QUIET_MS
    for (;;) {
      const waiting = (await pendingOrders(urls, 'source')) + (await pendingOrders(urls, 'target'))
      const all = await Promise.all([
        ...extractions.map((name) => compareSides(name, urls.monolith, urls[name])),
        ...(names.includes('storage') ? [compareKept(this.#lego)] : []),
      ])
      const comparison = all.reduce(added, { source: 0, target: 0, divergent: 0, examples: [] })
      if (comparison.divergent === 0 && waiting === 0) return comparison
      if (Date.now() > deadline) return comparison
      await delay(LOOK_MS)
    }
  }

  /**
   * Holds the histories against the rows of the side that owns every bucket of an extraction, once it
   * has applied the orders it still owes.
   */
  async judge(owners: Owners): Promise<Verdict> {
    const { urls } = this.#lego
    const deadline = Date.now() + QUIET_MS
    while ((await pendingOrders(urls, owners.wishlist ?? 'source')) > 0 && Date.now() < deadline) {
      await delay(LOOK_MS)
    }
    return checkHistory({
      initial: initialOf(this.people),
      operations: readHistory(this.load.historyFile),
      final: await finalOf(this.people, holders(this.#lego, owners)),
    })
  }

  /** What is left of ours in all databases, named by theirs. */
  async leftovers(): Promise<string[]> {
    const { urls, extractions } = this.#lego
    const names = ['monolith' as const, ...extractions]
    const found = await Promise.all(names.map((name) => findLeftovers(urls[name])))
    return names.flatMap((name, i) => found[i]!.map((what) => `${name}: ${what}`))
  }

  /**
   * Writes to a row that has moved straight into the monolith's database, behind the gateway's back.
   *
   * @returns the database's refusal. @throws when it was not refused.
   */
  async writeBehindTheGateway(extraction: RowsName): Promise<{ code: string; message: string }> {
    const table = WRITTEN[extraction]
    const client = new pg.Client({ connectionString: this.#lego.urls.monolith })
    await client.connect()
    try {
      const { rowCount } = await client.query(
        `UPDATE ${table} SET updated_at = updated_at WHERE ctid = (SELECT ctid FROM ${table} LIMIT 1)`,
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

function added(a: Comparison, b: Comparison): Comparison {
  return {
    source: a.source + b.source,
    target: a.target + b.target,
    divergent: a.divergent + b.divergent,
    examples: [...a.examples, ...b.examples],
  }
}

/** The files of both sides of Storage. */
async function compareKept({ urls, files }: Lego): Promise<Comparison> {
  const sides = [filesInFolder(files.folder), filesAtStorage(urls.storage, files.objects)] as const
  const [source, target] = await Promise.all(sides)
  return compareFiles(source, target)
}

/** Where to read what is owned where. */
function holders({ urls, extractions, files }: Lego, owners: Owners): Holders {
  const holder = <Sql>(name: ExtractionName, sql: Readonly<Record<SideName, Sql>>) => {
    const side = owners[name] ?? 'source'
    return { url: side === 'target' ? urls[name] : urls.monolith, sql: sql[side] }
  }
  return {
    wishlists: holder('wishlist', WISHLISTS),
    profiles: holder('profile', PROFILES),
    galleries: extractions.includes('gallery') ? holder('gallery', GALLERIES) : null,
    mocs: extractions.includes('moc') ? holder('moc', MOCS) : null,
    searching: extractions.includes('search'),
    parsing: extractions.includes('processing'),
    files: !extractions.includes('storage')
      ? null
      : owners.storage === 'target'
        ? (users) => filesAtStorage(urls.storage, files.objects, users)
        : (users) => filesInFolder(files.folder, users),
  }
}

/** Debounced orders that a side has accepted, or was given, and has not applied yet. */
async function pendingOrders(urls: Lego['urls'], side: SideName): Promise<number> {
  const [url, table] =
    side === 'source'
      ? [urls.monolith, 'public.wishlist_reorders']
      : [urls.wishlist, 'wishlist.pending_reorders']
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)
    return rows[0]!.n
  } finally {
    await client.end()
  }
}
