import { bucketOf } from '@banyan/contracts'
import type { Random } from '@banyan/lab'
import { type Pool, transaction } from '@banyan/postgres'
import type { Divergence, SideName } from '@banyan/replication'
import { EXTRACTION, otherSide, type TrialPair } from './pair.ts'
import { insertRow, isRow, keyText, quoted, TABLES, type TrialTable } from './tables.ts'
import { isHot } from './writers.ts'

export const FAULT_KINDS = ['changed', 'missing', 'extra', 'swapped', 'rogue'] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

/** A row that was spoilt on the side that does not own it. */
export interface Fault {
  readonly kind: FaultKind
  /** What a comparison must say, as long as the bucket stays where it is. */
  readonly shows: Divergence['kind']
  readonly columns: readonly string[]
  readonly table: TrialTable
  readonly n: number
  readonly key: readonly string[]
  readonly bucket: number
  /** Written by the application too, whose next write may mend it. */
  readonly hot: boolean
  readonly side: SideName
  /** Handovers of the bucket when it was injected. */
  readonly moves: number
  /** When it was known to be there, ms; null until then. */
  injectedAt: number | null
}

/**
 * Faults are written inside transactions of the stream's own applier, as a defect of replication would
 * write them: under its origin, so that nothing of it goes back. A trigger on the progress row does it.
 */
const TRAPDOOR = `CREATE SCHEMA trapdoor;
  CREATE TABLE trapdoor.fault (id bigint PRIMARY KEY, bucket int NOT NULL, statement text NOT NULL);
  CREATE TABLE trapdoor.done (id bigint PRIMARY KEY, rows int NOT NULL);
  CREATE FUNCTION trapdoor.run() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE fault record; n int;
  BEGIN
    FOR fault IN DELETE FROM trapdoor.fault RETURNING * LOOP
      n := 0;
      -- Locked, so that the bucket cannot be opened here before the fault has committed.
      PERFORM 1 FROM banyan.ownership WHERE extraction = '${EXTRACTION}' AND bucket = fault.bucket AND state = 'closed' FOR SHARE;
      IF FOUND THEN
        BEGIN
          EXECUTE fault.statement;
          GET DIAGNOSTICS n = ROW_COUNT;
        EXCEPTION WHEN unique_violation THEN n := 0;
        END;
      END IF;
      INSERT INTO trapdoor.done VALUES (fault.id, n);
    END LOOP;
    RETURN NULL;
  END $$;
  CREATE TRIGGER trapdoor AFTER UPDATE OF position ON banyan.progress FOR EACH ROW EXECUTE FUNCTION trapdoor.run();
  ALTER TABLE banyan.progress ENABLE ALWAYS TRIGGER trapdoor`

type Wanted = Omit<Fault, 'key' | 'injectedAt' | 'moves'>

export const faultId = (table: string, key: readonly string[]) => `${table}\0${key.join('\0')}`

/** Spoils rows on the side that does not own them, and knows which. */
export class Injector {
  /** By `faultId`; those that are asked for but not yet known to be there, too. */
  readonly active = new Map<string, Fault>()
  readonly #pair: TrialPair
  readonly #random: Random
  /** Rows that no longer are what they were made as: taken away on both sides by a repair. */
  readonly #gone = new Set<string>()
  #number = 0
  #kind = 0
  #fresh = 0

  private constructor(pair: TrialPair, random: Random) {
    this.#pair = pair
    this.#random = random
  }

  static async install(pair: TrialPair, random: Random): Promise<Injector> {
    for (const side of ['source', 'target'] as const) await pair.pools[side].query(TRAPDOOR)
    return new Injector(pair, random)
  }

  /** A fault was mended by taking the row away: it is not there any more. */
  forget(fault: Fault, deleted: boolean): void {
    this.active.delete(faultId(fault.table.spec.source, fault.key))
    if (deleted) this.#gone.add(`${fault.table.spec.source} ${fault.n}`)
  }

  /**
   * Injects so many faults of all kinds in turn, some of them in rows that are being written.
   *
   * @returns those that took: not the ones whose bucket was handed over at that moment.
   */
  async inject(count: number): Promise<Fault[]> {
    const wanted = Array.from({ length: count }, () => this.#choose()).filter((one) => one !== null)
    const faults = await this.#withKeys(wanted)
    const applied = faults.filter((one) => one.kind !== 'rogue')
    const rogue = faults.filter((one) => one.kind === 'rogue')
    const taken = [
      ...(await this.#throughApplier(applied, 'source')),
      ...(await this.#throughApplier(applied, 'target')),
      ...(rogue.length > 0 ? await this.#pair.exclusively(() => this.#pastTheGuard(rogue)) : []),
    ]
    const took = new Set(taken)
    for (const fault of faults) if (!took.has(fault)) this.forget(fault, false)
    return taken
  }

  #choose(): Wanted | null {
    const kind = FAULT_KINDS[this.#kind++ % FAULT_KINDS.length]!
    const random = this.#random
    const effect = kind === 'rogue' ? random.pick(['changed', 'missing', 'extra'] as const) : kind
    const table = random.pick(TABLES)
    const hot = (effect === 'changed' || effect === 'missing') && random.next() < 0.15
    const n =
      effect === 'extra'
        ? 1_000_000 + 2 * this.#fresh++
        : 2 * random.below(table.rows / 2) + (hot ? 1 : 2)
    if (isHot(n) !== hot) throw new Error(`row ${n} is not what it was chosen as`)
    if (this.#gone.has(`${table.spec.source} ${n}`)) return null
    const owner = this.#pair.ownerOf(table.owner(n))
    if (owner === null) return null
    return {
      kind,
      shows: effect,
      columns:
        effect === 'changed'
          ? [random.pick(Object.keys(table.changes))]
          : effect === 'swapped'
            ? random.pick(table.swaps)
            : [],
      table,
      n,
      bucket: bucketOf(table.owner(n)),
      hot,
      side: otherSide(owner),
    }
  }

  async #withKeys(wanted: readonly Wanted[]): Promise<Fault[]> {
    const faults: Fault[] = []
    for (const table of TABLES) {
      const some = wanted.filter((one) => one.table === table)
      if (some.length === 0) continue
      const { rows } = await this.#pair.pools.source.query<{ key: string[] }>(
        `SELECT ${keyText(table, 'n')} AS key FROM unnest($1::bigint[]) WITH ORDINALITY AS u(n, i) ORDER BY i`,
        [some.map((one) => one.n)],
      )
      for (const [i, one] of some.entries()) {
        const { key } = rows[i]!
        const id = faultId(table.spec.source, key)
        if (this.active.has(id)) continue
        const fault = { ...one, key, moves: this.#pair.moves[one.bucket]!, injectedAt: null }
        this.active.set(id, fault)
        faults.push(fault)
      }
    }
    return faults
  }

  async #throughApplier(all: readonly Fault[], side: SideName): Promise<Fault[]> {
    const faults = all.filter((one) => one.side === side)
    if (faults.length === 0) return []
    const pool = this.#pair.pools[side]
    const ids = faults.map(() => ++this.#number)
    await pool.query(
      'INSERT INTO trapdoor.fault SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[])',
      [ids, faults.map((one) => one.bucket), faults.map(statementOf)],
    )
    // A message through the stream that ends here: its transaction, or one before, was ours.
    await this.#pair.streamFrom(otherSide(side)).probe(30_000)
    const { rows } = await pool.query<{ id: string; rows: number }>(
      'DELETE FROM trapdoor.done WHERE id = ANY ($1) RETURNING id, rows',
      [ids],
    )
    const done = new Map(rows.map((row) => [Number(row.id), row.rows]))
    return faults.filter((fault, i) => took(fault, done.get(ids[i]!) ?? 0))
  }

  /** What a session of the engine's role can do that knows the word. The stream carries it, the owner refuses it. */
  async #pastTheGuard(faults: readonly Fault[]): Promise<Fault[]> {
    const taken: Fault[] = []
    for (const side of ['source', 'target'] as const) {
      const mine = faults.filter(
        (one) =>
          one.side === side && this.#pair.ownerOf(one.table.owner(one.n)) === otherSide(side),
      )
      if (mine.length === 0) continue
      const counts = await rogueWrites(this.#pair.pools[side], mine)
      // No handover before the owner has seen, and refused, what the stream brought it.
      await this.#pair.streamFrom(side).probe(30_000)
      taken.push(...mine.filter((fault, i) => took(fault, counts[i]!)))
    }
    return taken
  }
}

function took(fault: Fault, rows: number): boolean {
  if (rows === 1) fault.injectedAt = performance.now()
  return rows === 1
}

function rogueWrites(pool: Pool, faults: readonly Fault[]): Promise<number[]> {
  return transaction(pool, async (client) => {
    await client.query(
      "SELECT set_config('banyan.exempt', secret, true), set_config('session_replication_role', 'replica', true) FROM banyan.engine",
    )
    const counts: number[] = []
    for (const fault of faults) counts.push((await client.query(statementOf(fault))).rowCount ?? 0)
    return counts
  })
}

function statementOf({ table, n, shows, columns }: Fault): string {
  const name = table.spec.source
  const where = isRow(table, `${n}::bigint`)
  switch (shows) {
    case 'missing':
      return `DELETE FROM ${name} t WHERE ${where}`
    case 'extra':
      return insertRow(table, `${n}::bigint`)
    case 'swapped': {
      const [a, b] = columns.map(quoted)
      return `UPDATE ${name} t SET ${a} = ${b}, ${b} = ${a} WHERE ${where} AND ${a} IS DISTINCT FROM ${b}`
    }
    case 'changed': {
      const [column] = columns as [string]
      const value = table.changes[column]!
      return `UPDATE ${name} t SET ${quoted(column)} = ${value}
        WHERE ${where} AND ROW(${quoted(column)})::text IS DISTINCT FROM ROW(${value})::text`
    }
  }
}
