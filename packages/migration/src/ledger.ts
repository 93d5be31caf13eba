import { createHash } from 'node:crypto'
import { type Pool, type Queryable, transaction } from '@banyan/postgres'
import type { LedgerEntry } from './status.ts'

/** An entry before it stands in the chain. */
export type NewEntry = Pick<LedgerEntry, 'kind' | 'what'> & { detail?: Record<string, unknown> }

export interface LedgerSearch {
  readonly extraction?: string | undefined
  readonly kind?: LedgerEntry['kind'] | undefined
  /** Only entries before this one: the last of the page before. */
  readonly before?: number | undefined
  readonly text?: string | undefined
  readonly limit: number
}

const COLUMNS = `seq::float8, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at,
  extraction, kind, what, detail, previous, hash`

/** What the first entry follows. */
const GENESIS = '0'.repeat(64)

/**
 * The append-only record of every decision and step, chained by SHA-256 over each entry and its
 * predecessor's hash. Each append is announced on the channel `banyan_ledger`.
 */
export class Ledger {
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  /**
   * Appends entries in one transaction, so that the fact of one step and the intent of the next cost
   * one commit.
   *
   * @param token the engine's token: a deposed engine's entries are refused. Null for an operator's decision.
   */
  async append(
    extraction: string,
    token: bigint | null,
    entries: readonly NewEntry[],
  ): Promise<void> {
    await transaction(this.#pool, async (client) => {
      // The lease row serialises appends and is the fence in one.
      const { rows } = await client.query<{ token: string }>(
        'SELECT token FROM banyan_control.lease FOR UPDATE',
      )
      if (token !== null && BigInt(rows[0]!.token) !== token) throw new DeposedError(token)
      await append(client, extraction, entries)
    })
  }

  /** Entries of an extraction after `seq`, oldest first. */
  async read(extraction: string | null, after = 0, limit = 10_000): Promise<LedgerEntry[]> {
    return readEntries(this.#pool, extraction, after, limit)
  }

  /** Entries as they are looked for: newest first, `text` anywhere in them. */
  async search({ extraction, kind, before, text, limit }: LedgerSearch): Promise<LedgerEntry[]> {
    const { rows } = await this.#pool.query(
      `SELECT ${COLUMNS} FROM banyan_control.ledger
        WHERE ($1::text IS NULL OR extraction = $1) AND ($2::float8 IS NULL OR seq < $2)
          AND ($3::text IS NULL OR concat_ws(' ', extraction, kind, what, detail::text) ILIKE $3)
          AND ($4::text IS NULL OR kind = $4)
        ORDER BY seq DESC LIMIT $5`,
      [
        extraction ?? null,
        before ?? null,
        text ? `%${text.replace(/[\\%_]/g, '\\$&')}%` : null,
        kind ?? null,
        limit,
      ],
    )
    return rows as LedgerEntry[]
  }

  /** Recomputes the whole chain. False: an entry was changed, or one is missing. */
  async verify(): Promise<{ entries: number; verified: boolean }> {
    let previous = GENESIS
    let seq = 0
    for (;;) {
      const page = await readEntries(this.#pool, null, seq, 1_000)
      if (page.length === 0) return { entries: seq, verified: true }
      for (const entry of page) {
        if (entry.seq !== seq + 1 || entry.previous !== previous || hashOf(entry) !== entry.hash) {
          return { entries: seq, verified: false }
        }
        previous = entry.hash
        seq = entry.seq
      }
    }
  }
}

/** Another engine holds a higher token: whatever this one was about to do is not its business any more. */
export class DeposedError extends Error {
  constructor(token: bigint) {
    super(`engine token ${token} is not the current one: another engine has taken over`)
    this.name = 'DeposedError'
  }
}

/** Appends inside a caller's transaction that holds the lease row. */
export async function append(
  client: Queryable,
  extraction: string,
  entries: readonly NewEntry[],
): Promise<void> {
  const { rows } = await client.query<{ seq: string; hash: string }>(
    'SELECT seq, hash FROM banyan_control.ledger ORDER BY seq DESC LIMIT 1',
  )
  let seq = Number(rows[0]?.seq ?? 0)
  let previous = rows[0]?.hash ?? GENESIS
  const chained = entries.map((entry) => {
    const unhashed = {
      seq: ++seq,
      at: new Date().toISOString(),
      extraction,
      kind: entry.kind,
      what: entry.what,
      detail: entry.detail ?? {},
      previous,
    }
    const hash = hashOf(unhashed)
    previous = hash
    return { ...unhashed, hash }
  })
  await client.query(
    `INSERT INTO banyan_control.ledger
     SELECT * FROM jsonb_to_recordset($1::jsonb)
       AS e(seq bigint, at timestamptz, extraction text, kind text, what text, detail jsonb, previous text, hash text)`,
    [JSON.stringify(chained)],
  )
  await client.query(`SELECT pg_notify('banyan_ledger', $1)`, [String(seq)])
}

async function readEntries(
  pool: Queryable,
  extraction: string | null,
  after: number,
  limit: number,
): Promise<LedgerEntry[]> {
  const { rows } = await pool.query(
    `SELECT ${COLUMNS} FROM banyan_control.ledger
      WHERE seq > $1 AND ($2::text IS NULL OR extraction = $2) ORDER BY seq LIMIT $3`,
    [after, extraction, limit],
  )
  return rows as LedgerEntry[]
}

function hashOf(entry: Omit<LedgerEntry, 'hash'>): string {
  const { seq, at, extraction, kind, what, detail, previous } = entry
  return createHash('sha256')
    .update(canonical([previous, seq, at, extraction, kind, what, detail]))
    .digest('hex')
}

/** JSON with sorted keys: jsonb keeps neither the order of keys nor white space. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
