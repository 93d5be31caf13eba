import { PINNED_SETTINGS, type Queryable } from '@banyan/postgres'
import pg from 'pg'
import { kinOf } from './catalog.ts'
import { MESSAGES } from './feed.ts'
import type { TableSide } from './mapping.ts'
import { type StreamName, sessionName, streamObjectName } from './side.ts'
import { Visibility } from './visibility.ts'

export interface HeartOptions {
  readonly extraction: string
  readonly stream: StreamName
  readonly link: string
  readonly fromUrl: string
  readonly to: Queryable
  readonly token: bigint
  readonly everyMs: number
  readonly fromTables: readonly TableSide[]
  readonly toTables: readonly TableSide[]
  onBeat(beat: Beat): void
  /** A table is no longer as the plan found it. */
  onDdl(message: string): void
  onSlotLost(message: string): void
}

export interface Beat {
  readonly walLsn: string
  readonly walStatus: string | null
  readonly keptBytes: number
  readonly keptFor: string | null
  readonly snapshot: Visibility
}

/** A slot's log is kept from where the oldest transaction that wrote began, in whichever database. */
const OLDEST_TRANSACTION = `
  SELECT format('session %s of %s, %s, its transaction open for %s s', pid, usename, state,
                floor(extract(epoch FROM clock_timestamp() - xact_start)))
    FROM pg_stat_activity
   WHERE backend_xid IS NOT NULL AND xact_start < clock_timestamp() - interval '5 s'
   ORDER BY xact_start LIMIT 1`

/**
 * Emits a message into the log of the side read every so often: it measures the lag, moves an idle
 * slot on, and the same round trip looks after the slot and the tables.
 */
export class Heart {
  readonly #options: HeartOptions
  #client: pg.Client | null = null
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(options: HeartOptions) {
    this.#options = options
  }

  start(): void {
    void this.#beat()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#client?.end().catch(() => {})
    this.#client = null
  }

  async #beat(): Promise<void> {
    try {
      await this.#once()
    } catch {
      // The link itself finds out that a side is away; the next beat connects anew.
      this.#client?.end().catch(() => {})
      this.#client = null
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#beat(), this.#options.everyMs)
  }

  async #once(): Promise<void> {
    const { extraction, stream, link } = this.#options
    const client = await this.#connected()
    const slot = streamObjectName(extraction, stream)
    const body = JSON.stringify({ extraction, link, at: Date.now() })
    const { rows } = await client.query<{
      lsn: string
      snapshot: string
      wal_status: string | null
      kept: string | null
      kept_for: string | null
      found: boolean
    }>(
      `SELECT pg_logical_emit_message(true, '${MESSAGES.beat}', $1) IS NOT NULL AS emitted,
              pg_current_wal_lsn()::text AS lsn, pg_current_snapshot()::text AS snapshot,
              (SELECT wal_status FROM pg_replication_slots WHERE slot_name = $2) AS wal_status,
              (SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) FROM pg_replication_slots WHERE slot_name = $2) AS kept,
              (${OLDEST_TRANSACTION}) AS kept_for,
              EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $2) AS found`,
      [body, slot],
    )
    if (this.#stopped) return
    const row = rows[0]!
    this.#options.onBeat({
      walLsn: row.lsn,
      walStatus: row.wal_status,
      keptBytes: Number(row.kept ?? 0),
      keptFor: row.kept_for,
      snapshot: new Visibility(row.snapshot),
    })
    if (!row.found) this.#options.onSlotLost(`slot ${slot} is gone`)
    if (row.wal_status === 'lost') {
      this.#options.onSlotLost(`slot ${slot} was invalidated: the server kept no more log for it`)
    }
    // First: a table that is dropped in between is then said to be dropped, not only to be unpublished.
    const unpublishedNow = await unpublished(client, slot, this.#options.fromTables)
    const differences = [
      ...(await tableDifferences(client, this.#options.fromTables)),
      ...(await tableDifferences(this.#options.to, this.#options.toTables)),
      ...unpublishedNow,
    ]
    if (differences.length > 0 && !this.#stopped) this.#options.onDdl(differences.join('; '))
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client
    const { fromUrl, token, stream, extraction } = this.#options
    const client = new pg.Client({
      connectionString: fromUrl,
      application_name: sessionName(extraction, token, `beat-${stream}`),
      connectionTimeoutMillis: 5_000,
      // A beat must not wait for a synchronous standby: it would stop the watch with it.
      options: `${PINNED_SETTINGS} -c synchronous_commit=local`,
    })
    client.on('error', () => {
      if (this.#client === client) this.#client = null
    })
    await client.connect()
    if (this.#stopped) {
      await client.end()
      throw new Error('stopped')
    }
    this.#client = client
    return client
  }
}

interface ColumnNow {
  oid: number
  relation: string
  column: string
  type_oid: number
  typmod: number
}

/** What changed in tables since they were resolved, in words. */
async function tableDifferences(db: Queryable, tables: readonly TableSide[]): Promise<string[]> {
  const { rows } = await db.query<ColumnNow>(
    `SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS relation,
            a.attname::text AS column, a.atttypid AS type_oid, a.atttypmod AS typmod
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.oid = ANY ($1::oid[])`,
    [tables.map((table) => table.oid)],
  )
  const kin = await kinOf(
    db,
    tables.map((table) => table.oid),
  )
  const differences: string[] = []
  for (const table of tables) {
    const now = rows.filter((row) => row.oid === table.oid)
    const said = (what: string) => differences.push(`table ${table.quoted}: ${what}`)
    if (now.length === 0) {
      said('it was dropped')
      continue
    }
    const plain = now[0]!.relation.replaceAll('"', '')
    if (plain !== table.quoted.replaceAll('"', '')) said(`it is now ${now[0]!.relation}`)
    for (const column of table.columns) {
      const found = now.find((row) => row.column === column.name)
      if (!found) said(`column "${column.name}" is gone`)
      else if (found.type_oid !== column.typeOid || found.typmod !== column.typmod) {
        said(`column "${column.name}" is no longer ${column.type}`)
      }
    }
    for (const row of now) {
      const known = table.columns.some((column) => column.name === row.column)
      if (!known) said(`column "${row.column}" is new`)
    }
    const names = kin.filter((one) => one.of === table.oid).map((one) => one.name)
    for (const name of names) if (!table.kin.includes(name)) said(`${name} is new`)
    for (const name of table.kin) if (!names.includes(name)) said(`${name} is gone`)
  }
  return differences
}

async function unpublished(
  db: Queryable,
  publication: string,
  tables: readonly TableSide[],
): Promise<string[]> {
  const { rows } = await db.query<{ oid: number }>(
    `SELECT r.prrelid AS oid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
      WHERE p.pubname = $1`,
    [publication],
  )
  const published = new Set(rows.map((row) => row.oid))
  return tables
    .filter((table) => !published.has(table.oid))
    .map((table) => `table ${table.quoted}: it is no longer in publication ${publication}`)
}
