import pg from 'pg'
import { planIsOutdated } from './failures.ts'
import { type Along, JoinedQuery } from './joined-query.ts'
import { type Statement, type StatementNames, statementOf } from './named-statements.ts'
import { BEGIN, COMMIT, type Transactional } from './transaction.ts'

type Answer = (error: Error | null, result?: pg.QueryResult) => void

const NOTHING: Along = { begin: null, commit: null }

/**
 * A client that has statements with parameters prepared by these names. One whose plan a migration has made
 * useless was not carried out: it is read anew, unless it stands in a transaction, which has failed with it.
 *
 * A `transaction` on it begins with its first statement, and commits with the one that it holds: two round trips less.
 */
export function clientPreparing(names: StatementNames): typeof pg.Client {
  return class PreparingClient extends pg.Client implements Transactional {
    /** Names of BEGIN and COMMIT that this connection has prepared. */
    readonly #known = new Set<string>()
    /** What the next statement takes along. */
    #along = NOTHING
    #open = false
    #held: Statement | null = null

    // pg has a dozen overloads; whoever calls sees those of the class above.
    // biome-ignore lint/suspicious/noExplicitAny: as above
    override query(config: any, values?: any, answer?: any): any {
      const callback: Answer | undefined = typeof values === 'function' ? values : answer
      const held = this.#takeHeld()
      if (held === null) return this.#send(config, values, callback)
      // Both stand in the client's queue before anything that comes later; where the first fails, so does the second.
      const before: Promise<unknown> = this.query(held)
      before.catch(() => {})
      if (callback) {
        return this.#send(config, values, (error, result) => {
          before.then(() => callback(error, result), callback)
        })
      }
      const next = this.#send(config, values)
      if (!(next instanceof Promise)) return next
      next.catch(() => {})
      return before.then(() => next)
    }

    async begin(text: string): Promise<void> {
      if (text !== BEGIN) await this.query(text)
      else if (this.#knows(BEGIN)) this.#along = { begin: names.own(BEGIN), commit: null }
      else await this.#prepare(BEGIN)
      this.#open = true
    }

    get holds(): boolean {
      return this.#open
    }

    async hold(statement: Statement): Promise<void> {
      const former = this.#takeHeld()
      const sent = former && this.query(former)
      this.#held = statement
      await sent
    }

    async commit(): Promise<string> {
      const held = this.#takeHeld()
      const along = this.#takeAlong()
      const known = this.#knows(COMMIT)
      this.#open = false
      // Nothing was said, and so nothing began.
      if (held === null && along.begin !== null) return COMMIT
      if (held !== null) {
        this.#along = known ? { ...along, commit: names.own(COMMIT) } : along
        await this.query(held)
        if (known) return COMMIT
      }
      return known ? (await this.query(COMMIT)).command : this.#prepare(COMMIT)
    }

    async rollback(): Promise<void> {
      const { begin } = this.#takeAlong()
      this.#takeHeld()
      this.#open = false
      if (begin === null) await this.query('ROLLBACK')
    }

    // biome-ignore lint/suspicious/noExplicitAny: as `query`
    #send(config: any, values: any, callback?: Answer): any {
      const along = this.#takeAlong()
      const statement = statementOf(config, values)
      const joins = along !== NOTHING
      const plainly = () => super.query(config, values, callback as never)
      if (statement === null) {
        if (joins) this.#beginAlone()
        return plainly()
      }
      // An empty name is none, to pg as to the server.
      const theirs = Boolean(statement.name)
      statement.name ||= names.nameOf(statement.text)
      if (joins) return this.#join(statement as pg.QueryConfig, along, callback)
      if (theirs || statement.name === undefined) return plainly()
      const alone = this.getTransactionStatus() === 'I'
      const helps = (error: unknown) => noted(error) && alone
      if (callback === undefined) {
        return super.query(statement as pg.QueryConfig).catch((error) => {
          if (helps(error)) return plainly()
          throw error
        })
      }
      const answered: Answer = (error, result) =>
        error && helps(error) ? plainly() : callback(error, result)
      return super.query(statement as pg.QueryConfig, answered as never)
    }

    #join(config: pg.QueryConfig, along: Along, callback?: Answer): Promise<unknown> | undefined {
      const joined = new JoinedQuery(config, along)
      const send = (answer: Answer) => {
        const answered: Answer = (error, result) => {
          if (error) noted(error)
          answer(error, result)
        }
        // The types know of no query of one's own that is called back.
        super.query(joined as never, answered as never)
      }
      if (callback) return void send(callback)
      return new Promise((resolve, reject) => {
        send((error, result) => (error ? reject(error) : resolve(result)))
      })
    }

    /** Before something that can take no BEGIN along, and must not be carried out without. */
    #beginAlone(): void {
      super.query(BEGIN, (error) => {
        if (error) this.connection.stream.destroy(error)
      })
    }

    /** Carries out one that has no parameters; from now on others take it along. */
    async #prepare(text: string): Promise<string> {
      const name = names.own(text)
      const { command } = await this.query({ name, text })
      this.#known.add(name)
      return command
    }

    #knows(text: string): boolean {
      return this.#known.has(names.own(text))
    }

    #takeAlong(): Along {
      const along = this.#along
      this.#along = NOTHING
      return along
    }

    #takeHeld(): Statement | null {
      const held = this.#held
      this.#held = null
      return held
    }
  }

  function noted(error: unknown): boolean {
    const outdated = planIsOutdated(error)
    if (outdated) names.forget()
    return outdated
  }
}
