import { BucketSet } from '@banyan/contracts'
import type { ObjectProblem, ObjectRecord, ObjectRecords, RecordTotals } from '@banyan/objects'
import type { Pool } from '@banyan/postgres'

/** Records read at a time. */
const PAGE = 1_000

interface Row {
  readonly key: string
  readonly bucket: number
  readonly size: string
  readonly sha256: string | null
  readonly source: string | null
  readonly target: string | null
  readonly problem: ObjectProblem['kind'] | null
  readonly why: string | null
  readonly at: Date | null
}

const COLUMNS = `key, bucket, size, sha256, source_version AS source, target_version AS target,
  problem, problem_why AS why, problem_at AS at`

/** An engine that has lost its lease must not go on: another one follows the same objects. */
class ObjectsTakenOver extends Error {}

/** Records of one extraction's objects in the control database, written by the engine that leads and no other. */
export class ControlRecords implements ObjectRecords {
  readonly #pool: Pool
  readonly #extraction: string
  readonly #term: bigint

  constructor(pool: Pool, extraction: string, term: bigint) {
    this.#pool = pool
    this.#extraction = extraction
    this.#term = term
  }

  async *list(after: string, of: BucketSet): AsyncGenerator<ObjectRecord> {
    const buckets = of.equals(BucketSet.all) ? null : [...of]
    for (let from = after; ; ) {
      const { rows } = await this.#pool.query<Row>(
        `SELECT ${COLUMNS} FROM banyan_control.object
          WHERE extraction = $1 AND key > $2 AND ($3::smallint[] IS NULL OR bucket = ANY ($3))
          ORDER BY key LIMIT ${PAGE}`,
        [this.#extraction, from, buckets],
      )
      yield* rows.map(recordOf)
      if (rows.length < PAGE) return
      from = rows.at(-1)!.key
    }
  }

  async keep({ key, bucket, size, sha256, versions, problem }: ObjectRecord): Promise<void> {
    const { rowCount } = await this.#pool.query(
      `INSERT INTO banyan_control.object AS known (extraction, key, bucket, size, sha256,
         source_version, target_version, problem, problem_why, problem_at)
       SELECT $1, $2, $3::smallint, $4::bigint, $5, $6, $7, $8, $9, $10::timestamptz
         FROM banyan_control.lease WHERE token = $11
       ON CONFLICT (extraction, key) DO UPDATE SET bucket = excluded.bucket, size = excluded.size,
         sha256 = excluded.sha256, source_version = excluded.source_version,
         target_version = excluded.target_version, problem = excluded.problem,
         problem_why = excluded.problem_why, problem_at = excluded.problem_at`,
      [
        ...[this.#extraction, key, bucket, size, sha256, versions.source, versions.target],
        ...[problem?.kind ?? null, problem?.why ?? null, problem?.at ?? null],
        this.#term.toString(),
      ],
    )
    if (rowCount === 0) throw new ObjectsTakenOver('another engine leads')
  }

  async forget(key: string): Promise<void> {
    await this.stillOurs()
    await this.#pool.query(
      `DELETE FROM banyan_control.object
        WHERE extraction = $1 AND key = $2 AND EXISTS
          (SELECT FROM banyan_control.lease WHERE token = $3)`,
      [this.#extraction, key, this.#term.toString()],
    )
  }

  async totals(): Promise<RecordTotals> {
    const { rows } = await this.#pool.query<{ objects: string; bytes: string; problems: string }>(
      `SELECT count(sha256) AS objects, count(problem) AS problems,
              coalesce(sum(size) FILTER (WHERE sha256 IS NOT NULL), 0) AS bytes
         FROM banyan_control.object WHERE extraction = $1`,
      [this.#extraction],
    )
    const { objects, bytes, problems } = rows[0]!
    return { objects: Number(objects), bytes: Number(bytes), problems: Number(problems) }
  }

  async problems(limit: number): Promise<readonly ObjectRecord[]> {
    const { rows } = await this.#pool.query<Row>(
      `SELECT ${COLUMNS} FROM banyan_control.object
        WHERE extraction = $1 AND problem IS NOT NULL ORDER BY key LIMIT $2`,
      [this.#extraction, limit],
    )
    return rows.map(recordOf)
  }

  /** @throws ObjectsTakenOver */
  async stillOurs(): Promise<void> {
    const { rowCount } = await this.#pool.query(
      'SELECT FROM banyan_control.lease WHERE token = $1',
      [this.#term.toString()],
    )
    if (rowCount === 0) throw new ObjectsTakenOver('another engine leads')
  }

  /** Of the whole extraction, when it has ended. */
  async forgetAll(): Promise<void> {
    await this.stillOurs()
    await this.#pool.query('DELETE FROM banyan_control.object WHERE extraction = $1', [
      this.#extraction,
    ])
  }
}

function recordOf({ size, source, target, problem, why, at, ...row }: Row): ObjectRecord {
  return {
    ...row,
    size: Number(size),
    versions: { source, target },
    problem: problem && { kind: problem, why: why ?? '', at: at ?? new Date(0) },
  }
}
