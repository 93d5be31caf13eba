/** Streams until one probe has come through, and prints how far its memory grew, MB. */
import { createPool } from '@banyan/postgres'
import { Link, resolveTables } from '../index.ts'

const [fromUrl, toUrl] = process.argv.slice(2) as [string, string]
const source = createPool(fromUrl, { name: 'large' })
const target = createPool(toUrl, { name: 'large' })
const link = new Link({
  extraction: 'parcels',
  stream: 'forward',
  fromUrl,
  toUrl,
  tables: await resolveTables(source, target, [
    { source: 'public.item', target: 'public.item', owner: 'owner' },
  ]),
  token: 1n,
  onProblem: (problem) => console.error(problem.message),
})
await source.end()
await target.end()
const before = process.memoryUsage.rss()
let highest = before
const timer = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage.rss())
}, 20)
link.start()
await link.probe(600_000)
clearInterval(timer)
console.log(JSON.stringify({ grownMb: (highest - before) / 2 ** 20, state: link.status().state }))
await link.close()
