import { type Answering, type Asking, sendJson } from './idempotency.ts'

/** A reading that is under way, and the one that begins when it has ended. */
interface Round {
  readonly now: Promise<string>
  next: Promise<string> | null
}

/**
 * Answers that are the same for whoever asks. Requests of one URL that come while it is being read share the next
 * reading, which begins when that one has ended: nobody is told less than had been committed when they asked, and
 * however many ask at once, two readings are all that they cost.
 */
export class SharedAnswers {
  readonly #rounds = new Map<string, Round>()

  /** Answers the request, with 200. @returns what its handler returns */
  async answer(
    { url }: Pick<Asking, 'url'>,
    reply: Answering,
    read: () => Promise<unknown>,
  ): Promise<unknown> {
    const write = async () => reply.serialize(await read()) as string
    return sendJson(reply, await this.#take(url, write))
  }

  #take(url: string, read: () => Promise<string>): Promise<string> {
    const round = this.#rounds.get(url)
    if (!round) return this.#begin(url, read)
    round.next ??= round.now.catch(() => {}).then(() => this.#begin(url, read))
    return round.next
  }

  #begin(url: string, read: () => Promise<string>): Promise<string> {
    const round: Round = { now: read(), next: null }
    this.#rounds.set(url, round)
    const ended = () => {
      if (round.next === null) this.#rounds.delete(url)
    }
    round.now.then(ended, ended)
    return round.now
  }
}
