import type { ControlStatus } from '@banyan/migration'
import { type Sample, withSample } from '@banyan/migration/sample'
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'

/** The server says something every 5 s: after this long without a word the stream is opened anew, ms. */
const QUIET_MS = 12_000
const RECONNECT_MS = [250, 500, 1_000, 2_000]

export interface LiveState {
  readonly status: ControlStatus | null
  /** When the server was heard last, ms since 1970. */
  readonly heardAt: number | null
  readonly connected: boolean
  readonly samples: Readonly<Record<string, readonly Sample[]>>
}

export interface LiveOptions {
  /** A step or a decision was written to the ledger, or some may have been while nobody listened. */
  onChange(): void
  /** The stream was refused: maybe the session is over. */
  onRefused(): void
}

/** What the control plane tells as it happens, over interruptions. */
export class Live {
  readonly #options: LiveOptions
  readonly #listeners = new Set<() => void>()
  #state: LiveState = { status: null, heardAt: null, connected: false, samples: {} }
  #source: EventSource | null = null
  #timers: number[] = []
  #failures = 0
  #openedAt = 0

  constructor(options: LiveOptions) {
    this.#options = options
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly state = (): LiveState => this.#state

  open(): void {
    this.#connect()
    this.#timers.push(window.setInterval(() => this.#watch(), 1_000))
  }

  close(): void {
    for (const timer of this.#timers.splice(0)) window.clearTimeout(timer)
    this.#source?.close()
    this.#source = null
  }

  /** What an engine remembers from before this page was opened. */
  addHistory(extraction: string, older: readonly Sample[]): void {
    const own = this.#state.samples[extraction] ?? []
    const first = own[0]?.at ?? Number.POSITIVE_INFINITY
    const all = [...older.filter(({ at }) => at < first), ...own]
    this.#change({ samples: { ...this.#state.samples, [extraction]: all } })
  }

  #connect(): void {
    this.#source?.close()
    const source = new EventSource('/v1/events')
    this.#source = source
    this.#openedAt = Date.now()
    source.addEventListener('open', () => {
      this.#failures = 0
      this.#heard({ connected: true })
      this.#options.onChange()
    })
    source.addEventListener('alive', () => this.#heard({}))
    source.addEventListener('status', ({ data }: MessageEvent<string>) => {
      const status = JSON.parse(data) as ControlStatus
      const samples = { ...this.#state.samples }
      for (const one of status.extractions) {
        samples[one.extraction] = withSample(samples[one.extraction] ?? [], one)
      }
      this.#heard({ status, samples })
    })
    source.addEventListener('ledger', () => {
      this.#heard({})
      this.#options.onChange()
    })
    source.addEventListener('error', () => this.#lost())
  }

  /** Browsers reconnect by themselves in some cases and give up in others: it is always done here. */
  #lost(): void {
    if (!this.#source) return
    const refused = this.#source.readyState === EventSource.CLOSED
    this.#source.close()
    this.#change({ connected: false })
    if (refused) this.#options.onRefused()
    const wait = RECONNECT_MS[Math.min(this.#failures++, RECONNECT_MS.length - 1)]
    this.#timers.push(window.setTimeout(() => this.#source && this.#connect(), wait))
  }

  #watch(): void {
    const since = Math.max(this.#state.heardAt ?? 0, this.#openedAt)
    if (this.#state.connected && Date.now() - since > QUIET_MS) this.#lost()
  }

  #heard(change: Partial<LiveState>): void {
    this.#change({ ...change, heardAt: Date.now() })
  }

  #change(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change }
    for (const listener of this.#listeners) listener()
  }
}

export const LiveContext = createContext<Live | null>(null)

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('there is no live state here')
  return live
}

export function useLiveState(): LiveState {
  const live = useLive()
  return useSyncExternalStore(live.subscribe, live.state)
}

/** The time, every second: for how long ago something was. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1_000)
    return () => window.clearInterval(timer)
  }, [])
  return now
}
