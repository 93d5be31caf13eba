/**
 * Copy and apply of the replication engine against what PostgreSQL itself reaches here, each a ratio
 * of one run: `COPY … TO STDOUT` piped into `COPY … FROM STDIN` by two pg clients in one process, and
 * a native subscription's apply. Usage: node --import tsx bench/replication.ts [rows, 500000]
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { installSide, Link, raiseToken, resolveTables, verify } from '@banyan/replication'
import pg from 'pg'

const rows = Number(process.argv[2] ?? 500_000)
const TABLE = `CREATE TABLE public.item (id bigint PRIMARY KEY, owner text NOT NULL, at timestamptz, n numeric, note text)`

const server = await EmbeddedPostgres.start({ settings: { max_wal_size: '8GB' } })
const targetServer = await EmbeddedPostgres.start({ settings: { max_wal_size: '8GB' } })
const links: Link[] = []
try {
  const sourceUrl = await server.createDatabase('source')
  const source = createPool(sourceUrl, { name: 'bench' })
  await source.query(TABLE)
  await source.query(
    `INSERT INTO public.item SELECT n, 'user-' || n % 10000, now(), n / 3.0, repeat(md5(n::text), 2) FROM generate_series(1, ${rows}) n`,
  )
  await source.query('VACUUM ANALYZE public.item')
  await installSide(source)
  await source.query("SELECT banyan.register('bench', 'source')")
  await raiseToken(source, 1n)

  // Alternating, since a machine's speed wanders: the best of three each.
  const piped: number[] = []
  const copied: number[] = []
  let last: {
    target: Pool
    forward: Link
    tables: Awaited<ReturnType<typeof resolveTables>>
  } | null = null
  for (const round of [1, 2, 3]) {
    piped.push(await pipe(sourceUrl, await emptyTarget(`piped_${round}`)))
    if (last) {
      await last.forward.drop()
      await last.forward.close()
    }
    last = await copy(`copied_${round}`, copied)
  }
  const best = { piped: Math.max(...piped), copied: Math.max(...copied) }
  console.log(`COPY | COPY   ${Math.round(best.piped)} rows/s`)
  console.log(`Link.copy     ${Math.round(best.copied)} rows/s   ${ratio(best.copied, best.piped)}`)

  const { target, forward, tables } = last!
  const verified = await verify({ tables, source, target, forward, reverse: forward })
  console.log(
    `verify        ${Math.round(verified.rowsPerSecond)} rows/s   ${verified.divergent} divergent`,
  )

  const native = await nativeApply(sourceUrl, forward)
  console.log(`native apply  ${Math.round(native)} changes/s`)
  const changes = await makeBacklog(forward)
  const began = performance.now()
  forward.start()
  await forward.probe(120_000)
  const ours = changes / ((performance.now() - began) / 1000)
  console.log(`Link apply    ${Math.round(ours)} changes/s   ${ratio(ours, native)}`)

  await delay(1000)
  const probes: number[] = []
  for (let i = 0; i < 50; i++) probes.push(await forward.probe(5000))
  probes.sort((a, b) => a - b)
  console.log(
    `idle probe    median ${probes[25]!.toFixed(1)} ms, worst of 50 ${probes[49]!.toFixed(1)} ms`,
  )
  await source.end()
  await target.end()

  async function copy(name: string, rates: number[]) {
    const url = await emptyTarget(name)
    const target = createPool(url, { name: 'bench' })
    await installSide(target)
    await target.query("SELECT banyan.register('bench', 'target')")
    await raiseToken(target, 1n)
    const tables = await resolveTables(source, target, [
      { source: 'public.item', target: 'public.item', owner: 'owner' },
    ])
    const forward = new Link({
      extraction: 'bench',
      stream: 'forward',
      fromUrl: sourceUrl,
      toUrl: url,
      tables,
      token: 1n,
      onProblem: (problem) => console.log(problem),
    })
    links.push(forward)
    await forward.prepare()
    forward.start()
    const report = await forward.copy()
    rates.push(report.rows / (report.ms / 1000))
    return { target, forward, tables }
  }

  /** Many small transactions, none of which was read yet. */
  async function makeBacklog(forward: Link): Promise<number> {
    forward.start()
    await forward.probe(120_000)
    await forward.stop()
    return writeChanges(source)
  }

  async function nativeApply(url: string, forward: Link): Promise<number> {
    await forward.stop()
    const native = await EmbeddedPostgres.start()
    try {
      const subscriber = createPool(native.url(), { name: 'bench' })
      await subscriber.query(TABLE)
      await pipe(url, native.url())
      await source.query('CREATE PUBLICATION native FOR TABLE public.item')
      await source.query("SELECT pg_create_logical_replication_slot('native', 'pgoutput')")
      const changes = await writeChanges(source)
      await source.query("INSERT INTO public.item VALUES (-1, 'end', now(), 0, '')")
      const began = performance.now()
      await subscriber.query(
        `CREATE SUBSCRIPTION native CONNECTION '${url}' PUBLICATION native
           WITH (create_slot = false, slot_name = 'native', copy_data = false)`,
      )
      while ((await subscriber.query('SELECT 1 FROM public.item WHERE id = -1')).rowCount === 0) {
        await delay(20)
      }
      const rate = changes / ((performance.now() - began) / 1000)
      await subscriber.query('DROP SUBSCRIPTION native')
      await subscriber.end()
      await source.query('DELETE FROM public.item WHERE id = -1')
      return rate
    } finally {
      await native.stop()
    }
  }
} finally {
  for (const link of links) await link.close()
  await server.stop()
  await targetServer.stop()
}

function ratio(ours: number, theirs: number): string {
  return `${(ours / theirs).toFixed(2)} of it`
}

async function emptyTarget(name: string): Promise<string> {
  const url = await targetServer.createDatabase(name)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(TABLE)
  await client.end()
  return url
}

async function writeChanges(pool: Pool): Promise<number> {
  const transactions = 20_000
  await pool.query(`DO $$ BEGIN
    FOR i IN 1..${transactions} LOOP
      UPDATE public.item SET n = n + 1, note = 'changed ' || i WHERE id IN (1 + i * 37 % ${rows}, 1 + i * 91 % ${rows});
      COMMIT;
    END LOOP; END $$`)
  return 2 * transactions
}

/** COPY out of one database into the other, as fast as two pg clients in one process do it. */
async function pipe(from: string, to: string): Promise<number> {
  const reader = new pg.Client({ connectionString: from })
  const writer = new pg.Client({ connectionString: to })
  await Promise.all([reader.connect(), writer.connect()])
  const began = performance.now()
  interface Wire {
    query(text: string): void
    sendCopyFromChunk(chunk: Buffer): void
    endCopyFrom(): void
    stream: {
      pause(): void
      resume(): void
      writableNeedDrain: boolean
      once(e: string, f: () => void): void
    }
  }
  let input: Wire | null = null
  let output: Wire | null = null
  let count = 0
  await new Promise<void>((resolve, reject) => {
    const base = {
      handleError: reject,
      handleCommandComplete() {},
      handleRowDescription() {},
      handleDataRow() {},
      handleEmptyQuery() {},
      handlePortalSuspended() {},
    }
    let parts: Buffer[] = []
    let size = 0
    const flush = () => {
      input!.sendCopyFromChunk(Buffer.concat(parts))
      parts = []
      size = 0
      if (!input!.stream.writableNeedDrain) return
      output!.stream.pause()
      input!.stream.once('drain', () => output!.stream.resume())
    }
    writer.query({
      ...base,
      submit: (wire: Wire) => wire.query('COPY public.item FROM STDIN'),
      handleCopyInResponse(wire: Wire) {
        input = wire
        reader.query({
          ...base,
          submit(wire: Wire) {
            output = wire
            wire.query('COPY public.item TO STDOUT')
          },
          handleCopyData(message: { chunk: Buffer }) {
            parts.push(Buffer.from(message.chunk))
            size += message.chunk.length
            count++
            if (size > 65_536) flush()
          },
          handleReadyForQuery() {
            flush()
            input!.endCopyFrom()
          },
        } as unknown as pg.Submittable)
      },
      handleReadyForQuery: resolve,
    } as unknown as pg.Submittable)
  })
  const seconds = (performance.now() - began) / 1000
  await reader.end()
  await writer.end()
  return count / seconds
}
