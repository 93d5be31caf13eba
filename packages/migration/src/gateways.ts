import {
  type GatewayLease,
  type GatewayRegistration,
  type GatewayStats,
  LATENCY_BOUNDS_MS,
  type RouteTable,
  type TableAcknowledgement,
} from '@banyan/contracts'
import type { Pool } from '@banyan/postgres'
import { request } from 'undici'
import { sleep } from './lease.ts'
import { DeposedError } from './ledger.ts'
import type { GatewayStatus } from './status.ts'

/**
 * How long a gateway may serve moved routes after a renewal, ms. Below the 10 s in which a crash at any
 * step must have healed: a handover past *give* waits for a vanished gateway's lease to end.
 */
const LEASE_MS = 8_000
/** A gateway renews each third of its lease: who has missed two may be gone, and a handover need not begin. */
const SILENT_MS = 5_500

/** A gateway has a newer table than the one it was given. */
const REFUSED_AS_OLD = 'a newer table was given to it meanwhile'

interface StoredTable {
  /** The lease's token now. */
  readonly term: string
  readonly body: RouteTable | null
  readonly version: string | null
}

interface Registered {
  readonly id: string
  readonly adminUrl: string
  readonly leaseMs: number
}

/** The gateways that hold a lease, and the one route table all of them are given. */
export class Gateways {
  readonly #pool: Pool
  readonly #token: string

  /** @param token bearer token of the gateways' admin listeners. */
  constructor(pool: Pool, token: string) {
    this.#pool = pool
    this.#token = token
  }

  /** A gateway starts, or starts again at the same admin address: it takes over the former's lease. */
  async register(gateway: GatewayRegistration): Promise<GatewayLease> {
    await this.#pool.query(
      `INSERT INTO banyan_control.gateway (admin_url, id, public_url, lease_until)
       VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
       ON CONFLICT (admin_url) DO UPDATE
         SET id = $2, public_url = $3, version = 0, lease_until = EXCLUDED.lease_until`,
      [gateway.adminUrl, gateway.id, gateway.publicUrl, LEASE_MS],
    )
    return { leaseMs: LEASE_MS, table: await this.table() }
  }

  /** @returns null when the gateway is not registered (any more): it must register again. */
  async renew(id: string, version: number): Promise<GatewayLease | null> {
    const { rowCount } = await this.#pool.query(
      `UPDATE banyan_control.gateway
          SET lease_until = clock_timestamp() + $2 * interval '1 ms', version = greatest(version, $3)
        WHERE id = $1`,
      [id, LEASE_MS, version],
    )
    return rowCount === 0 ? null : { leaseMs: LEASE_MS, table: await this.table() }
  }

  /** A gateway says that it serves nothing any more: nobody need wait for its lease. */
  async unregister(id: string): Promise<void> {
    await this.#pool.query('DELETE FROM banyan_control.gateway WHERE id = $1', [id])
  }

  /** The token of whoever leads: what an operator decides is under it, whichever engine answers. */
  async term(): Promise<bigint> {
    const { rows } = await this.#pool.query<{ token: string }>(
      'SELECT token FROM banyan_control.lease',
    )
    return BigInt(rows[0]!.token)
  }

  async table(): Promise<RouteTable | null> {
    const { rows } = await this.#pool.query<{ body: RouteTable }>(
      'SELECT body FROM banyan_control.route_table',
    )
    return rows[0]?.body ?? null
  }

  /**
   * Makes a table the newest: stored first, so that a gateway that registers from now on gets it, then
   * given to every gateway with a lease.
   *
   * @param extraction whose routes the change is about: only its holds are waited for.
   * @param change turns the newest table into the next one.
   * @param options.drainMs how long each may take to let go of what the table's holds are about.
   * @param options.answerMs how long each may take beyond that; 1,000 by default.
   * @param options.outlast wait for the leases of gateways that do not acknowledge; otherwise answer at once.
   * @returns whether every gateway that counts has acknowledged, drained.
   */
  async publish(
    term: bigint,
    extraction: string,
    change: (table: RouteTable) => RouteTable,
    options: { drainMs: number; answerMs?: number; outlast: boolean; signal?: AbortSignal },
  ): Promise<{ acknowledged: boolean; why: string | null; table: RouteTable }> {
    const table = await this.#store(term, change)
    const targets = await this.#leased()
    const problems = await Promise.all(
      targets.map((gateway) => this.#convince(gateway, table, { ...options, extraction })),
    )
    const why = problems.filter((problem) => problem !== null).join('; ')
    return { acknowledged: why === '', why: why || null, table }
  }

  async status(): Promise<GatewayStatus[]> {
    const { rows } = await this.#pool.query<Omit<GatewayStatus, 'problem'>>(
      `SELECT id, public_url AS "publicUrl", version::float8,
              (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::float8 AS "leaseMs"
         FROM banyan_control.gateway WHERE lease_until > clock_timestamp() - interval '10 minutes' ORDER BY id`,
    )
    return rows.map((one) => ({ ...one, problem: problemOf(one.leaseMs) }))
  }

  /** The gateway that a handover would have to wait for: silent, and its lease not over yet. */
  async silent(): Promise<string | null> {
    const found = (await this.status()).find(({ leaseMs, problem }) => leaseMs > 0 && problem)
    return found ? `gateway "${found.id}": ${found.problem}` : null
  }

  /** Counters of every gateway that answers. */
  async stats(): Promise<GatewayStats[]> {
    const targets = await this.#leased()
    const answers = await Promise.all(
      targets.map(async ({ adminUrl }) => {
        try {
          const { statusCode, body } = await request(new URL('/stats', adminUrl), {
            headers: this.#headers(),
            headersTimeout: 1_000,
            bodyTimeout: 1_000,
          })
          const answer = (await body.json()) as GatewayStats
          return statusCode === 200 ? answer : null
        } catch {
          return null
        }
      }),
    )
    return answers.filter((answer) => answer !== null)
  }

  async #store(term: bigint, change: (table: RouteTable) => RouteTable): Promise<RouteTable> {
    for (;;) {
      const { rows } = await this.#pool.query<StoredTable>(
        `SELECT l.token AS term, t.body, t.version
           FROM banyan_control.lease l LEFT JOIN banyan_control.route_table t ON true`,
      )
      if (rows[0]!.term !== term.toString()) throw new DeposedError(term)
      const next = await this.#storeAfter(rows[0]!, term, change)
      // Another extraction of ours was quicker: the change is made to its table instead.
      if (next) return next
    }
  }

  async #storeAfter(
    stored: StoredTable,
    term: bigint,
    change: (table: RouteTable) => RouteTable,
  ): Promise<RouteTable | null> {
    const before: RouteTable = stored.body ?? {
      token: 0,
      version: 0,
      monolith: '',
      extractions: [],
    }
    const next: RouteTable = {
      ...change(before),
      token: Number(term),
      version: Number(stored.version ?? 0) + 1,
    }
    // Fenced by the lease's token: a deposed engine's table must not be what a new gateway is given.
    const { rowCount } = await this.#pool.query(
      `INSERT INTO banyan_control.route_table (token, version, body)
       SELECT $1, $2, $3 FROM banyan_control.lease WHERE token = $1
       ON CONFLICT (one) DO UPDATE SET token = $1, version = $2, body = $3
         WHERE banyan_control.route_table.version = $2 - 1`,
      [term.toString(), next.version, JSON.stringify(next)],
    )
    return rowCount === 1 ? next : null
  }

  async #leased(): Promise<Registered[]> {
    const { rows } = await this.#pool.query<Registered>(
      `SELECT id, admin_url AS "adminUrl",
              (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::float8 AS "leaseMs"
         FROM banyan_control.gateway WHERE lease_until > clock_timestamp()`,
    )
    return rows
  }

  /** Gives one gateway the table; null once it is safe to go on without asking it again, else why not. */
  async #convince(
    gateway: Registered,
    table: RouteTable,
    options: {
      extraction: string
      drainMs: number
      answerMs?: number
      outlast: boolean
      signal?: AbortSignal
    },
  ): Promise<string | null> {
    let newest = table
    for (;;) {
      const problem = await this.#give(gateway, newest, options)
      if (problem === REFUSED_AS_OLD) {
        // Another extraction has published since, with this change in its table: so that one is given.
        const stored = await this.table()
        if (stored && stored.token === table.token && stored.version > newest.version) {
          newest = stored
          continue
        }
      }
      if (problem === null || !options.outlast || options.signal?.aborted) return problem
      // It may have been restarted at the same address, renewed, or be gone: only its lease tells.
      const { rowCount } = await this.#pool.query(
        'SELECT 1 FROM banyan_control.gateway WHERE admin_url = $1 AND lease_until > clock_timestamp()',
        [gateway.adminUrl],
      )
      if (rowCount === 0) return null
      await sleep(50, options.signal)
    }
  }

  async #give(
    { id, adminUrl }: Registered,
    table: RouteTable,
    {
      extraction,
      drainMs,
      answerMs = 1_000,
    }: { extraction: string; drainMs: number; answerMs?: number },
  ): Promise<string | null> {
    const name = `gateway "${id}" (${adminUrl})`
    try {
      const path = `/table?drainMs=${drainMs}&extraction=${encodeURIComponent(extraction)}`
      const { statusCode, body } = await request(new URL(path, adminUrl), {
        method: 'PUT',
        headers: { ...this.#headers(), 'content-type': 'application/json' },
        body: JSON.stringify(table),
        headersTimeout: drainMs + answerMs,
        bodyTimeout: answerMs,
      })
      if (statusCode === 409) return REFUSED_AS_OLD
      if (statusCode !== 200)
        return `${name} answered ${statusCode}: ${(await body.text()).slice(0, 200)}`
      const ack = (await body.json()) as TableAcknowledgement
      return ack.drained ? null : `${ack.inFlight} requests were still in flight at ${name}`
    } catch (error) {
      return `${name}: ${(error as Error).message}`
    }
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}` }
  }
}

function problemOf(leaseMs: number): string | null {
  if (leaseMs < 0) return 'its lease is over: it serves no moved routes, and nothing waits for it'
  const silentMs = LEASE_MS - leaseMs
  if (silentMs < SILENT_MS) return null
  return `it has not renewed its lease for ${(silentMs / 1000).toFixed(1)} s; handovers wait ${(leaseMs / 1000).toFixed(1)} s more for it`
}

/** The latency below which a share of a cumulative histogram lies, ms; null without samples. */
export function latencyQuantile(latency: readonly number[], share: number): number | null {
  const total = latency.at(-1) ?? 0
  if (total === 0) return null
  const index = latency.findIndex((count) => count >= total * share)
  return LATENCY_BOUNDS_MS[index === -1 ? LATENCY_BOUNDS_MS.length - 1 : index]!
}
