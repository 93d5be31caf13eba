import pg from 'pg'

const BUCKETS = 1024

/**
 * How many buckets have not exactly one side that is open for writes, as both databases say.
 *
 * @throws when one of them cannot be asked.
 */
export async function bucketsWithoutOwner(
  extraction: string,
  urls: { source: string; target: string },
): Promise<number> {
  const [source, target] = await Promise.all([
    openBuckets(urls.source, extraction),
    openBuckets(urls.target, extraction),
  ])
  // Nothing installed at the source: it owns everything, as before the start. Nothing at the target
  // alone: the extraction is being completed, its owner's guards go first.
  if (source === null || target === null) return 0
  let wrong = 0
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (source.has(bucket) === target.has(bucket)) wrong++
  }
  return wrong
}

async function openBuckets(url: string, extraction: string): Promise<Set<number> | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ bucket: number }>(
      `SELECT bucket FROM banyan.ownership WHERE extraction = $1 AND state = 'open'`,
      [extraction],
    )
    const registered = await client.query('SELECT FROM banyan.extraction WHERE extraction = $1', [
      extraction,
    ])
    return registered.rowCount ? new Set(rows.map((row) => row.bucket)) : null
  } catch (error) {
    // No such schema, no such table.
    if (['42P01', '3F000'].includes((error as { code?: string }).code ?? '')) return null
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}
