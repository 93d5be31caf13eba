import { readText, reasonOf } from './ask.ts'
import { between, type Counted, type Figures, readCounted } from './figures.ts'
import type { Settings } from './settings.ts'

/** A service as it fares. */
export interface Watched {
  readonly name: string
  /** Of the last minute; null before it was seen twice. */
  readonly figures: Figures | null
  /** Requests a second between one look and the next, oldest first; null where it was away. */
  readonly history: readonly (number | null)[]
  /** Why nothing is known of it now; null where it answers. */
  readonly fault: string | null
}

interface Look {
  /** ms on a monotonic clock. */
  readonly at: number
  readonly counted: Counted | null
}

/** How often the services are looked at, ms. */
export const LOOK_MS = 5_000
/** Looks that are kept: five minutes. */
const KEPT = 61
/** Looks over which the figures are taken: a minute. */
const SPAN = 12
/** Of one answer, bytes. */
const LARGEST_BYTES = 4 * 1024 * 1024

/** Looks at the counters of all services, again and again. */
export class Watch {
  readonly #services: Settings['SERVICES']
  readonly #now: () => number
  readonly #looks = new Map<string, Look[]>()
  readonly #faults = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined

  /** @param now ms on a monotonic clock; for tests */
  constructor(services: Settings['SERVICES'], now: () => number = () => performance.now()) {
    this.#services = services
    this.#now = now
  }

  start(): void {
    void this.look()
    this.#timer = setInterval(() => void this.look(), LOOK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async look(): Promise<void> {
    await Promise.all(this.#services.map((one) => this.#ask(one)))
  }

  list(): readonly Watched[] {
    return this.#services.map(({ name }) => {
      const looks = this.#looks.get(name) ?? []
      const recent = looks.slice(-SPAN - 1)
      return {
        name,
        figures: figuresOf(
          recent.find(({ counted }) => counted !== null),
          recent.at(-1),
        ),
        history: looks.slice(1).map((look, i) => {
          return figuresOf(looks[i], look)?.requestsPerSecond ?? null
        }),
        fault: this.#faults.get(name) ?? null,
      }
    })
  }

  async #ask({ name, url }: Settings['SERVICES'][number]): Promise<void> {
    let counted: Counted | null = null
    try {
      counted = readCounted(await readText(`${url}/metrics`, LARGEST_BYTES))
      this.#faults.delete(name)
    } catch (error) {
      this.#faults.set(name, reasonOf(error))
    }
    const looks = this.#looks.get(name) ?? []
    this.#looks.set(name, [...looks, { at: this.#now(), counted }].slice(-KEPT))
  }
}

function figuresOf(before: Look | undefined, now: Look | undefined): Figures | null {
  if (!before || !now?.counted) return null
  return between(before.counted, now.counted, (now.at - before.at) / 1000)
}
