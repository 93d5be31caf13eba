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

  /** The name of a statement without parameters that the connection prepares itself. */
  own(text: string): string {
    return `banyan_${this.#generation}_${text}`
  }

  /** No name given so far is used again. */
  forget(): void {
    this.#generation += 1
    this.#names.clear()
  }
}

/** A statement that has parameters. */
export interface Statement {
  readonly text: string
  readonly values: unknown[]
  name?: string | undefined
}

/** The statement that a client's `query` is given; null where it has no parameters, or is none (a stream of copied rows). */
export function statementOf(
  config: string | (Partial<Statement> & { readonly text: string; readonly submit?: unknown }),
  values: unknown,
): Statement | null {
  const given = typeof config === 'string' ? null : config
  const parameters = given?.values ?? values
  if (!Array.isArray(parameters) || parameters.length === 0 || given?.submit) return null
  return given ? { ...given, values: parameters } : { text: config as string, values: parameters }
}
