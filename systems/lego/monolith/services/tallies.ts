import { Counter, Gauge, Registry } from 'prom-client'

/** Who does the work of a service that may not be there. */
type Doer = 'storage' | 'processing' | 'monolith'

/** How much of the work the services do, for `/metrics`; counted since the process began. */
export class Tallies {
  readonly registry = new Registry()
  readonly #lists: Counter
  readonly #files: Counter
  #read = { processing: 0, all: 0 }

  constructor() {
    const registers = [this.registry]
    this.#lists = new Counter({
      name: 'lego_parts_lists_read_total',
      help: 'Parts lists, by who has read them, and why it was not Processing',
      labelNames: ['by', 'why'],
      registers,
    })
    this.#files = new Counter({
      name: 'lego_files_stored_total',
      help: 'Files, by whether Storage has them too, and why not',
      labelNames: ['in', 'why'],
      registers,
    })
    const share = () => this.#share
    new Gauge({
      name: 'lego_parts_lists_processing_share',
      help: 'Share of all parts lists that Processing has read, 0 to 1',
      registers,
      collect() {
        this.set(share())
      },
    })
  }

  /** @param why `asked`: as it should be; else what was in the way */
  read(by: Doer, why: 'asked' | 'off' | 'unsupported' | 'too large' | 'away'): void {
    this.#lists.inc({ by, why })
    this.#read.all++
    if (by === 'processing') this.#read.processing++
  }

  stored(where: Doer, why: 'asked' | 'off' | 'away'): void {
    this.#files.inc({ in: where, why })
  }

  get #share(): number {
    return this.#read.all === 0 ? 0 : this.#read.processing / this.#read.all
  }
}
