import { SAMPLE_MS, type Sample, withSample } from './sample.ts'
import type { ExtractionStatus } from './status.ts'

/** The last quarter of an hour of each extraction's figures; of one engine, in memory. */
export class History {
  readonly #read: () => Promise<readonly ExtractionStatus[]>
  readonly #samples = new Map<string, readonly Sample[]>()
  #timer: NodeJS.Timeout | null = null
  #looking = false

  constructor(read: () => Promise<readonly ExtractionStatus[]>) {
    this.#read = read
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS)
  }

  /** Oldest first. */
  of(extraction: string): readonly Sample[] {
    return this.#samples.get(extraction) ?? []
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    // Without the control database there is a gap.
    for (const status of await this.#read().catch(() => [])) {
      const { extraction } = status
      this.#samples.set(extraction, withSample(this.of(extraction), status))
    }
    this.#looking = false
  }
}
