import pg from 'pg'
import { planIsOutdated } from './failures.ts'

/** Names of one pool at most: each connection keeps a plan for all of them. */
const MOST_NAMES = 200
/** A text gets a name when it comes for the third time: what is made up anew for each call never does. */
const NAMED_AT = 3
/** Texts that are counted at once; then counting begins anew. */
const MOST_COUNTED = 1_000

/**
 * Names for the statements that come again and again, so that the server reads and plans them once for each
 * connection, and not at every call.
 */
export class StatementNames {
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()
  #generation = 0

  /** The name to prepare it by, or undefined where it is to be read anew. */
  nameOf(text: string): string | undefined {
    const known = this.#names.get(text)
    if (known !== undefined || this.#names.size >= MOST_NAMES) return known
    const count = (this.#counts.get(text) ?? 0) + 1
    if (count < NAMED_AT) {
      if (this.#counts.size >= MOST_COUNTED) this.#counts.clear()
      this.#counts.set(text, count)
      return undefined
    }
    this.#counts.delete(text)
    const name = `banyan_${this.#generation}_${this.#names.size}`
    this.#names.set(text, name)
    return name
  }

  /** No name given so far is used again. */
  forget(): void {
    this.#generation += 1
    this.#names.clear()
  }
}

type Answer = (error: Error | null, result: pg.QueryResult) => void

/**
 * A client that has statements with parameters prepared by these names. One whose plan a migration has made
 * useless was not carried out: it is read anew, unless it stands in a transaction, which has failed with it.
 */
export function clientNaming(names: StatementNames): typeof pg.Client {
  return class NamingClient extends pg.Client {
    // pg has a dozen overloads; whoever calls sees those of the class above.
    // biome-ignore lint/suspicious/noExplicitAny: as above
    override query(config: any, values?: any, answer?: any): any {
      const prepared = named(names, config, values)
      if (prepared === null) return super.query(config, values, answer)
      const alone = this.getTransactionStatus() === 'I'
      const helps = (error: unknown) => {
        const outdated = planIsOutdated(error)
        if (outdated) names.forget()
        return outdated && alone
      }
      const callback: Answer | undefined = typeof values === 'function' ? values : answer
      if (callback === undefined) {
        return super.query(prepared).catch((error) => {
          if (helps(error)) return super.query(config, values)
          throw error
        })
      }
      const answered: Answer = (error, result) =>
        error && helps(error) ? super.query(config, values, answer) : callback(error, result)
      return super.query(prepared, answered)
    }
  }
}

/** The statement with its name; null for one that gets none. */
function named(names: StatementNames, config: unknown, values: unknown): pg.QueryConfig | null {
  const given =
    typeof config === 'string'
      ? { text: config }
      : (config as pg.QueryConfig & { submit?: unknown })
  // An empty name is none, to pg as to the server.
  if (given.submit !== undefined || given.name) return null
  const parameters = given.values ?? values
  if (!Array.isArray(parameters) || parameters.length === 0) return null
  const name = names.nameOf(given.text)
  return name === undefined ? null : { ...given, values: parameters, name }
}
