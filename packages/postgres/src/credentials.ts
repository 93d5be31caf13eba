import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** Where a pool's credentials come from, when they change while it runs. */
export interface CredentialsSource {
  /** For the next connection; quick, since it is asked each time a client is taken. */
  get(): Promise<Credentials>
  /** What to try now that the server has refused `refused`. */
  renew(refused: Credentials): Promise<Credentials>
}

/** invalid_password, invalid_authorization_specification. */
const REFUSED = new Set(['28P01', '28000'])

/**
 * Waits between tries with renewed credentials, ms. The server and the source are changed one after the
 * other, so that for a moment both of what is known may be wrong.
 */
const AGAIN_MS = [0, 100, 200, 400, 800]

/** What a URL says but for who connects. */
export function withoutCredentials(url: string): pg.ClientConfig {
  const { user: _user, password: _password, ...rest } = parseIntoClientConfig(url)
  return rest
}

type Taken = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  release: (release?: Error | boolean) => void,
) => void

/** A pool that asks for its credentials: connections that stand are kept, new ones take the newest. */
export class RenewedPool extends pg.Pool {
  readonly #source: CredentialsSource

  constructor(config: pg.PoolConfig, source: CredentialsSource) {
    super(config)
    this.#source = source
  }

  override connect(): Promise<pg.PoolClient>
  override connect(taken: Taken): void
  override connect(taken?: Taken): Promise<pg.PoolClient> | undefined {
    const client = this.#take()
    if (!taken) return client
    client.then(
      (one) => taken(undefined, one, one.release),
      (error: Error) => taken(error, undefined, () => {}),
    )
    return undefined
  }

  async #take(): Promise<pg.PoolClient> {
    let credentials = await this.#source.get()
    for (let turn = 0; ; turn++) {
      // Read by pg when it makes a client, now or when this one's turn in the queue has come.
      Object.assign(this.options, credentials)
      try {
        return await super.connect()
      } catch (error) {
        const wait = AGAIN_MS[turn]
        if (wait === undefined || !REFUSED.has((error as { code?: string }).code ?? '')) throw error
        if (wait > 0) await delay(wait)
        credentials = await this.#source.renew(credentials)
      }
    }
  }
}
