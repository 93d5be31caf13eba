import pg from 'pg'

/** What is said to the server, as `pg` says it (8.23, lib/connection.js). */
interface Wire {
  bind(of: { readonly statement: string }): void
  execute(of: { readonly portal?: string }): void
  sync(): void
}

interface Completed {
  /** The command's tag. */
  readonly text: string
}

/** The parts of `pg`'s own query (8.23, lib/query.js) that are built upon here; its types do not name them. */
interface ExtendedQuery extends pg.Submittable {
  readonly portal: string
  prepare(wire: Wire): void
  _getRows(wire: Wire): void
  handleCommandComplete(message: Completed, wire: Wire): void
}

const ExtendedQuery = pg.Query as unknown as new (config: pg.QueryConfig) => ExtendedQuery

/** Names that BEGIN and COMMIT are prepared by on the connection; null for what does not go along. */
export interface Along {
  readonly begin: string | null
  readonly commit: string | null
}

/**
 * A statement with parameters that takes the BEGIN of its transaction along, its COMMIT, or both, in one round trip.
 * All stand before one Sync: where one fails, the server passes over whatever comes after it. So the statement
 * is never carried out alone, and nothing is committed that has failed. (A pipeline, with a Sync for each, would go on.)
 */
export class JoinedQuery extends ExtendedQuery {
  readonly #along: Along
  #began: boolean
  #done = false

  constructor(config: pg.QueryConfig, along: Along) {
    super(config)
    this.#along = along
    this.#began = along.begin === null
  }

  override prepare(wire: Wire): void {
    carryOut(wire, this.#along.begin)
    super.prepare(wire)
  }

  override _getRows(wire: Wire): void {
    wire.execute({ portal: this.portal })
    carryOut(wire, this.#along.commit)
    wire.sync()
  }

  override handleCommandComplete(message: Completed, wire: Wire): void {
    if (!this.#began) this.#began = true
    else if (!this.#done) {
      this.#done = true
      super.handleCommandComplete(message, wire)
    }
  }
}

function carryOut(wire: Wire, statement: string | null): void {
  if (statement === null) return
  wire.bind({ statement })
  wire.execute({})
}
