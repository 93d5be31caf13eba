import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Measured, type MeasureOptions, perSecond } from './measurement.ts'
import { digest, ITEM, Rig, requireDigest } from './rig.ts'

const CHILD = fileURLToPath(new URL('large-child.ts', import.meta.url))
/** Below the size at which PostgreSQL would compress the value and store it elsewhere. */
const NOTE_BYTES = 1_888
/** Two tables, two logs, and what the source writes aside for its guard and while it decodes; with room. */
const DISK_TIMES = 8
const WITHIN_MS = 900_000

/** Memory of a process that does nothing but apply one transaction far larger than it. */
export async function measureLarge(options: MeasureOptions): Promise<Measured> {
  const mb = options.sizes.largeTransactionMb
  await requireDisk(mb * DISK_TIMES)
  return Rig.with(options.supervisor, async (rig) => {
    const source = await rig.database(rig.source, 'large')
    const target = await rig.database(rig.target, 'large')
    for (const { pool } of [source, target]) await pool.query(ITEM)
    const { link } = await rig.stream(source, target)
    await link.prepare()
    await link.close()
    const rows = Math.ceil((mb * 2 ** 20) / NOTE_BYTES)
    await source.pool.query(
      `INSERT INTO public.item
         SELECT n, 'user-' || n % 10000, now(), n, repeat(md5(n::text), ${NOTE_BYTES / 32})
           FROM generate_series(1, ${rows}) n`,
    )
    const applied = await applyInChild(options, source.url, target.url)
    await requireDigest('the target', await digest(source.pool), target.pool)
    const rate = Math.round((rows * 1000) / applied.ms)
    return {
      figures: { largeTransactionRssMb: applied.peakRssMb },
      details: { transactionMb: mb, rows, rowsPerSecond: rate, ...applied },
      lines: [
        ['peak RSS', `${applied.peakRssMb} MB (${applied.idleRssMb} MB before it began)`],
        [
          `one transaction of ${mb} MB`,
          `${perSecond(rate, 'rows')} applied, all of them found there`,
        ],
      ],
      notes: [
        `large: the process that applies does nothing else; its peak is the operating system's own figure (ru_maxrss), Node and the TypeScript loader included`,
      ],
    }
  })
}

interface Applied {
  readonly peakRssMb: number
  readonly idleRssMb: number
  readonly ms: number
}

async function applyInChild(
  { supervisor }: MeasureOptions,
  fromUrl: string,
  toUrl: string,
): Promise<Applied> {
  let answer = (_: Applied) => {}
  const answered = new Promise<Applied>((resolve) => {
    answer = resolve
  })
  const child = await supervisor.process('large', {
    file: CHILD,
    env: { BENCH_FROM: fromUrl, BENCH_TO: toUrl, BENCH_WITHIN_MS: String(WITHIN_MS) },
    ready: 'spawned',
    onEvent: ({ event, ...rest }) => {
      if (event === 'applied') answer(rest as unknown as Applied)
    },
  })
  const ended = child.ended().then(() => {
    throw new Error(`the process that applies ended: ${child.lastLines(10).join('\n')}`)
  })
  // Stopped at the end, it ends too: by then nobody waits for that.
  ended.catch(() => {})
  try {
    return await Promise.race([answered, ended])
  } finally {
    await child.stop()
  }
}

async function requireDisk(mb: number): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir())
  const free = Math.floor((bavail * bsize) / 2 ** 20)
  if (free >= mb) return
  throw new Error(
    `the large transaction needs ${mb} MB in ${tmpdir()} and finds ${free}; set TMPDIR to a folder with more room, or leave it out with --only`,
  )
}
