import { collectLots } from '../formats/lots.ts'
import { openPartList } from '../formats/part-list.ts'
import { PartListRefused } from '../formats/refusal.ts'
import { MEMORY_CASES, type MemoryReport } from './memory-cases.ts'

const { maxBytes, file } = MEMORY_CASES[process.argv[2]!]!

async function* bytes(): AsyncGenerator<Uint8Array> {
  for (const piece of file()) yield Buffer.from(piece)
}

async function outcome(): Promise<string> {
  try {
    const { entries } = await openPartList(bytes(), { maxBytes })
    return `read ${(await collectLots(entries)).totals.pieces} pieces`
  } catch (error) {
    if (error instanceof PartListRefused) return error.code
    throw error
  }
}

const before = process.memoryUsage().rss
const began = performance.now()
const report: MemoryReport = {
  outcome: await outcome(),
  // In kB.
  grewBytes: process.resourceUsage().maxRSS * 1024 - before,
  ms: Math.round(performance.now() - began),
}
process.send!(report, () => process.exit(0))
