import pg from 'pg'

export interface KeyedRow {
  /** Unique, and the order: compared byte by byte (COLLATE "C"). */
  readonly key: string
  /** Everything that must be equal on both sides, as text. */
  readonly value: string
}

export interface Comparison {
  readonly source: number
  readonly target: number
  /** Rows that are on one side only, or differ. */
  readonly divergent: number
  /** At most 20, in words. */
  readonly examples: readonly string[]
}

const EXAMPLES = 20
const BATCH = 10_000

/**
 * Reads all rows of a query in the order of their key, in batches.
 *
 * @param sql answers `key` and `value`, both text; `$1` is the last key read (null at first) and `$2`
 *   the number of rows wanted: `… WHERE $1::text IS NULL OR key > $1 ORDER BY key LIMIT $2`.
 */
export async function* orderedRows(url: string, sql: string): AsyncGenerator<KeyedRow> {
  const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' })
  await client.connect()
  try {
    let last: string | null = null
    for (;;) {
      const { rows }: { rows: KeyedRow[] } = await client.query(sql, [last, BATCH])
      yield* rows
      if (rows.length < BATCH) return
      last = rows.at(-1)!.key
    }
  } finally {
    await client.end()
  }
}

/**
 * Compares two sides row by row; both must come in the order of their key.
 *
 * @param onDifference told the key of each that is on one side only, or differs.
 */
export async function compareRows(
  source: AsyncIterable<KeyedRow>,
  target: AsyncIterable<KeyedRow>,
  onDifference: (key: string) => void = () => {},
): Promise<Comparison> {
  const counts = { source: 0, target: 0, divergent: 0 }
  const examples: string[] = []
  const differs = (key: string, what: string) => {
    counts.divergent++
    onDifference(key)
    if (examples.length < EXAMPLES) examples.push(what)
  }
  const left = source[Symbol.asyncIterator]()
  const right = target[Symbol.asyncIterator]()
  let a = await left.next()
  let b = await right.next()
  while (!a.done || !b.done) {
    // Buffers, since JavaScript orders strings by UTF-16 unit and PostgreSQL's "C" by byte.
    const order = a.done
      ? 1
      : b.done
        ? -1
        : Buffer.compare(Buffer.from(a.value.key), Buffer.from(b.value.key))
    if (order < 0) differs(a.value.key, `${a.value.key} is at the source only`)
    else if (order > 0) differs(b.value.key, `${b.value.key} is at the target only`)
    else if (a.value.value !== b.value.value) {
      differs(
        a.value.key,
        `${a.value.key} differs: ${a.value.value} at the source, ${b.value.value} at the target`,
      )
    }
    if (order <= 0) {
      counts.source++
      a = await left.next()
    }
    if (order >= 0) {
      counts.target++
      b = await right.next()
    }
  }
  return { ...counts, examples }
}
