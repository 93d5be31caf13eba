/**
 * First in, first out. An array's own `shift` moves every element once it holds some 50,000: a
 * backlog of small transactions then costs more to queue than to apply.
 */
export class Queue<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): void {
    if (this.#head >= this.#items.length) return
    this.#items[this.#head++] = undefined
    if (this.#head < 1024 || this.#head * 2 < this.#items.length) return
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
