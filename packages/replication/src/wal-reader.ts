import { PINNED_SETTINGS } from '@banyan/postgres'
import pg from 'pg'
import { tapCopyData } from './copy-tap.ts'
import { formatLsn } from './lsn.ts'

export interface WalReaderOptions {
  readonly url: string
  readonly name: string
  readonly slot: string
  readonly publication: string
  /** Everything committed before this was applied. */
  readonly position: bigint
  /** A message from `start` to `end`; to be read at once. */
  onData(buffer: Buffer, start: number, end: number): void
  /** The connection ended, whoever ended it. */
  onEnd(error: Error): void
}

/** The part of pg's connection that a query object of our own is handed. */
interface Wire {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  readonly stream: { pause(): void; resume(): void; destroy(): void }
}

const XLOG_DATA = 0x77
const XLOG_HEADER = 25
const KEEPALIVE = 0x6b
/** Microseconds from the Unix epoch to 2000-01-01, PostgreSQL's. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n
/** The server drops a standby that is silent for wal_sender_timeout (60 s); this leaves room for slow ones. */
const STATUS_EVERY_MS = 2_000

/** A logical replication connection: hands on every message, and confirms only what it is told to. */
export class WalReader {
  readonly #options: WalReaderOptions
  readonly #client: pg.Client
  #wire: Wire | null = null
  #confirmed: bigint
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: WalReaderOptions) {
    this.#options = options
    this.#confirmed = options.position
    const config: pg.ClientConfig & { replication: string } = {
      connectionString: options.url,
      application_name: options.name,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      options: PINNED_SETTINGS,
      // Not in the published types; pg sends it in the startup message.
      replication: 'database',
    }
    this.#client = new pg.Client(config)
    this.#client.on('error', (error) => this.#end(error))
    this.#client.on('end', () => this.#end(new Error('the replication connection ended')))
  }

  async start(): Promise<void> {
    await this.#client.connect()
    const { slot, publication, position } = this.#options
    const text =
      `START_REPLICATION SLOT "${slot}" LOGICAL ${formatLsn(position)} ` +
      `(proto_version '1', publication_names '"${publication}"', messages 'true')`
    tapCopyData(this.#client, (buffer, start, end) => this.#receive(buffer, start, end))
    this.#client.query({
      submit: (wire: Wire) => {
        this.#wire = wire
        wire.query(text)
      },
      handleError: (error: Error) => this.#end(error),
      handleCommandComplete() {},
      handleReadyForQuery: () => this.#end(new Error('the server ended the stream')),
      handleRowDescription() {},
      handleDataRow() {},
      handlePortalSuspended() {},
      handleEmptyQuery() {},
      handleCopyInResponse() {},
    } as unknown as pg.Submittable)
    this.#timer = setInterval(() => this.#sendStatus(), STATUS_EVERY_MS)
  }

  /** Everything up to here is durable on the other side: the server may forget it. */
  confirm(position: bigint): void {
    if (position <= this.#confirmed) return
    this.#confirmed = position
    this.#sendStatus()
  }

  pause(): void {
    this.#wire?.stream.pause()
  }

  resume(): void {
    this.#wire?.stream.resume()
  }

  close(): void {
    this.#closed = true
    if (this.#timer) clearInterval(this.#timer)
    // Not client.end(): in copy mode the server would wait for our CopyDone first.
    const wire = (this.#client as unknown as { connection: Wire }).connection
    wire.stream.destroy()
  }

  #receive(buffer: Buffer, start: number, end: number): void {
    if (this.#closed) return
    try {
      if (buffer[start] === XLOG_DATA) this.#options.onData(buffer, start + XLOG_HEADER, end)
      else if (buffer[start] === KEEPALIVE && buffer[start + 17] === 1) this.#sendStatus()
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #sendStatus(): void {
    if (!this.#wire || this.#closed) return
    const status = Buffer.alloc(34)
    status[0] = 0x72
    // Written and flushed alike: what we hold in memory only, we do not claim to have.
    status.writeBigUInt64BE(this.#confirmed, 1)
    status.writeBigUInt64BE(this.#confirmed, 9)
    status.writeBigUInt64BE(this.#confirmed, 17)
    status.writeBigInt64BE(BigInt(Date.now()) * 1000n - POSTGRES_EPOCH_US, 25)
    this.#wire.sendCopyFromChunk(status)
  }

  #end(error: Error): void {
    if (this.#closed) return
    this.close()
    this.#options.onEnd(error)
  }
}
