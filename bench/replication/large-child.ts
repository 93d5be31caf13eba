/** Applies what stands in the log, and says how much memory that took. */
import { setTimeout as delay } from 'node:timers/promises'
import { createPool } from '@banyan/postgres'
import { Link, resolveTables } from '@banyan/replication'
import { EXTRACTION, ITEM_SPEC, TOKEN } from './rig.ts'

const { BENCH_FROM: fromUrl, BENCH_TO: toUrl, BENCH_WITHIN_MS: withinMs } = process.env
if (!fromUrl || !toUrl || !withinMs) throw new Error('started by large.ts only')

const source = createPool(fromUrl, { name: 'bench' })
const target = createPool(toUrl, { name: 'bench' })
const tables = await resolveTables(source, target, [ITEM_SPEC])
await Promise.all([source.end(), target.end()])
const link = new Link({
  extraction: EXTRACTION,
  stream: 'forward',
  fromUrl,
  toUrl,
  tables,
  token: TOKEN,
  onProblem: (problem) => console.error(problem.message),
})
const peakRssMb = () => Math.round(process.resourceUsage().maxRSS / 1024)
const idleRssMb = peakRssMb()
const began = performance.now()
link.start()
// A probe is behind the transaction in the log: when it has come through, all of it was applied.
await link.probe(Number(withinMs))
const ms = Math.round(performance.now() - began)
console.log(JSON.stringify({ event: 'applied', peakRssMb: peakRssMb(), idleRssMb, ms }))
await link.close()
// Ended by whoever started it, who takes an end of its own for a crash.
await delay(60_000)
