import { setImmediate as turn } from 'node:timers/promises'
import type { Catalogue, ResolvedLot } from '../catalogue/catalogue.ts'
import type { Resolution } from '../catalogue/resolve.ts'
import { type Lot, Lots } from '../formats/lots.ts'
import { openPartList } from '../formats/part-list.ts'
import type { JobTotals, LotFound } from '../messages.ts'
import { fetchedInput, type Input, storedInput } from './input.ts'
import type { ClaimedJob, ClaimedJobStore, Context } from './store.ts'

/** How often progress is written, ms. */
const PROGRESS_MS = 500

/**
 * Reads the file of a job, looks up what it holds, and writes that down.
 *
 * @param signal aborts when the claim is lost or the process stops
 * @throws PartListRefused, FileUnreachable, JobLost, or the signal's reason
 */
export async function runJob(
  context: Context,
  job: ClaimedJob,
  store: ClaimedJobStore,
  catalogue: Catalogue,
  signal: AbortSignal,
): Promise<void> {
  await store.announce()
  const { pool, config } = context
  const input = job.file_url
    ? await fetchedInput(job.file_url, signal)
    : await storedInput(pool, job.id)
  const lots = new Lots()
  let size = 0
  const reading = observed(input, signal, (bytes, due) => {
    size = bytes
    return due ? store.progress(bytes, input.total, lots.totals.lines) : turn()
  })
  const options = { ...job.options, maxBytes: config.MAX_FILE_BYTES }
  const { format, entries } = await openPartList(reading, options)
  for await (const some of entries) for (const entry of some) lots.add(entry)
  signal.throwIfAborted()
  const all = [...lots.lots()]
  const resolved = await catalogue.resolve(all)
  if (resolved === null) {
    const totals = { ...lots.totals, unresolvedLots: null, unresolvedPieces: null }
    return store.complete(format, size, totals, all.map(unchecked), lots.problems)
  }
  await store.complete(format, size, totalsOf(lots, resolved), resolved.map(found), lots.problems)
}

/** The input in pieces, between which other work has its turn, and progress is written. */
async function* observed(
  { bytes }: Input,
  signal: AbortSignal,
  read: (bytes: number, due: boolean) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let size = 0
  let writtenAt = performance.now()
  for await (const piece of bytes) {
    signal.throwIfAborted()
    size += piece.length
    const due = performance.now() - writtenAt >= PROGRESS_MS
    if (due) writtenAt = performance.now()
    await read(size, due)
    yield piece
  }
}

function totalsOf(lots: Lots, resolved: readonly ResolvedLot[]): JobTotals {
  const unresolved = resolved.filter(({ resolution }) => 'unresolved' in resolution)
  const unresolvedPieces = unresolved.reduce((sum, { lot }) => sum + lot.quantity, 0)
  return { ...lots.totals, unresolvedLots: unresolved.length, unresolvedPieces }
}

function unchecked(lot: Lot): LotFound {
  return lotFound(lot, null, [])
}

function found({ lot, resolution, suggestions }: ResolvedLot): LotFound {
  return lotFound(lot, resolution, [...suggestions])
}

/** Field by field: there may be fifty thousand, and copying whole objects takes ten times as long. */
function lotFound(
  { line, type, ids, element, colour, quantity, spare, name, remarks }: Lot,
  resolution: Resolution | null,
  suggestions: LotFound['suggestions'],
): LotFound {
  const resolved = resolution === null || 'unresolved' in resolution ? null : resolution
  return {
    line,
    type,
    ids,
    element,
    colour,
    quantity,
    spare,
    name,
    remarks,
    part: resolution?.part ?? null,
    partColour: resolved?.colour ?? null,
    match: resolved?.match ?? null,
    ambiguousColour: resolved?.ambiguousColour ?? false,
    unresolved: resolution && 'unresolved' in resolution ? resolution.unresolved : null,
    suggestions,
  }
}
