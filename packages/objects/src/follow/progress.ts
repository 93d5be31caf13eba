/** Over so long the speed is taken, ms. */
const WINDOW_MS = 10_000

/** How much is left to be copied, how fast it goes, and since when everything is in step. */
export class Progress {
  #left = { objects: 0, bytes: 0 }
  #inStepAt: number | null = null
  /** What was copied in the window, oldest first. */
  #recent: { at: number; bytes: number }[] = []
  #beganAt = 0

  /** What is found from now on is counted anew. */
  begin(): void {
    this.#left = { objects: 0, bytes: 0 }
    this.#beganAt = Date.now()
    this.#recent = []
  }

  found(bytes: number): void {
    this.#left = { objects: this.#left.objects + 1, bytes: this.#left.bytes + bytes }
  }

  copied(bytes: number): void {
    const { objects, bytes: before } = this.#left
    this.#left = { objects: Math.max(0, objects - 1), bytes: Math.max(0, before - bytes) }
    this.#recent.push({ at: Date.now(), bytes })
  }

  /** @param since everything that was there then is on the other side */
  inStep(since: number): void {
    this.#inStepAt = since
    this.#left = { objects: 0, bytes: 0 }
  }

  figures() {
    const now = Date.now()
    const from = Math.max(this.#beganAt, now - WINDOW_MS)
    this.#recent = this.#recent.filter(({ at }) => at >= from)
    const bytes = this.#recent.reduce((sum, one) => sum + one.bytes, 0)
    const bytesPerSecond = Math.round((bytes * 1000) / Math.max(1, now - from))
    return {
      left: this.#left,
      bytesPerSecond,
      etaMs: this.#left.objects === 0 ? 0 : etaOf(this.#left.bytes, bytesPerSecond),
      lagMs: this.#inStepAt === null ? null : now - this.#inStepAt,
    }
  }
}

function etaOf(bytes: number, bytesPerSecond: number): number | null {
  return bytesPerSecond === 0 ? null : Math.ceil((bytes / bytesPerSecond) * 1000)
}
