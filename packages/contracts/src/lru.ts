/** A bounded map that forgets what was used least recently. */
export class Lru<V> {
  readonly #entries = new Map<string, V>()
  readonly #limit: number
  /** What was used last: it stands at the end already. Moving it each time would have the map built anew all the while. */
  #newest: string | null = null

  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined || key === this.#newest) return value
    this.#entries.delete(key)
    this.#entries.set(key, value)
    this.#newest = key
    return value
  }

  set(key: string, value: V): void {
    if (key !== this.#newest) this.#entries.delete(key)
    this.#entries.set(key, value)
    this.#newest = key
    if (this.#entries.size > this.#limit) {
      this.#entries.delete(this.#entries.keys().next().value!)
    }
  }

  delete(key: string): void {
    this.#entries.delete(key)
    if (key === this.#newest) this.#newest = null
  }

  clear(): void {
    this.#entries.clear()
    this.#newest = null
  }
}
