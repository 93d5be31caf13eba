import { bucketOf } from '@banyan/contracts'
import { type Pool, type Queryable, transaction } from '@banyan/postgres'
import type { Link } from './link.ts'
import { keyOf, type MappedTable, rowsByKey } from './mapped-rows.ts'
import type { SideName } from './side.ts'
import type { Divergence } from './verify.ts'

type FullRow = readonly (string | null)[]

export interface SettleOptions {
  readonly extraction: string
  readonly source: Pool
  readonly target: Pool
  readonly forward: Link
  readonly reverse: Link
  readonly onSource: MappedTable
  readonly onTarget: MappedTable
  readonly signal: AbortSignal | undefined
}

/** A row that changes faster than it can be looked at is held still after so many looks. */
const LOOKS = 8
const PROBE_MS = 30_000
/** Held rows wait for one probe; a few at once and not for long, since their writers wait with them. */
const HELD_AT_ONCE = 20
const HELD_MS = 250

/**
 * Looks again at rows that differed: reads the owner's, waits until replication has carried what
 * was committed, reads the other side's and the owner's once more. Only a row that stood still on
 * its owner's side and differs all the same is a divergence.
 */
export async function settle(
  options: SettleOptions,
  suspects: readonly (readonly string[])[],
): Promise<Divergence[]> {
  const divergences: Divergence[] = []
  let left = suspects
  for (let look = 0; left.length > 0 && look < LOOKS; look++) {
    options.signal?.throwIfAborted()
    left = await lookAgain(options, left, divergences)
  }
  while (left.length > 0) {
    options.signal?.throwIfAborted()
    const undecided = await lookHeld(options, left.slice(0, HELD_AT_ONCE), divergences)
    left = [...left.slice(HELD_AT_ONCE), ...undecided]
  }
  return divergences
}

async function lookAgain(
  options: SettleOptions,
  suspects: readonly (readonly string[])[],
  divergences: Divergence[],
): Promise<readonly (readonly string[])[]> {
  const before = await readBoth(options, suspects)
  // Mostly the stream has brought by now what was missing.
  const keys = suspects.filter(
    (key) => !same(before.source.get(keyOf(key)), before.target.get(keyOf(key))),
  )
  if (keys.length === 0) return []
  const owners = await ownersOf(options, keys, before)
  await caughtUp(options, new Set(owners.values()))
  const middle = await readBoth(options, keys)
  const after = await readBoth(options, keys)
  return keys.filter((key) => {
    const id = keyOf(key)
    const owner = owners.get(id)!
    const first = before[owner].get(id)
    const last = after[owner].get(id)
    const other = middle[owner === 'source' ? 'target' : 'source'].get(id)
    if (same(other, first) || same(other, last)) return false
    if (!same(first, last)) return true
    divergences.push(describe(options, key, last, other))
    return false
  })
}

/**
 * Locks the rows on their owner's side for as long as one probe takes, at most `HELD_MS`.
 *
 * @returns keys that could not be decided in that time.
 */
async function lookHeld(
  options: SettleOptions,
  keys: readonly (readonly string[])[],
  divergences: Divergence[],
): Promise<readonly (readonly string[])[]> {
  const owners = await ownersOf(options, keys, await readBoth(options, keys))
  const undecided: (readonly string[])[] = []
  for (const owner of ['source', 'target'] as const) {
    const mine = keys.filter((key) => owners.get(keyOf(key)) === owner)
    if (mine.length === 0) continue
    // Whatever the stream is behind is waited for before the rows are held, not while.
    await caughtUp(options, new Set([owner]))
    if (!(await lookHeldAt(owner, options, mine, divergences))) undecided.push(...mine)
  }
  return undecided
}

async function lookHeldAt(
  owner: SideName,
  options: SettleOptions,
  keys: readonly (readonly string[])[],
  divergences: Divergence[],
): Promise<boolean> {
  const [here, onHere, there, onThere, stream] =
    owner === 'source'
      ? [options.source, options.onSource, options.target, options.onTarget, options.forward]
      : [options.target, options.onTarget, options.source, options.onSource, options.reverse]
  return transaction(here, async (client) => {
    const rows = await rowsByKey(client, onHere, keys, 'FOR SHARE OF t')
    const arrived = await stream.probe(HELD_MS).then(
      () => true,
      () => false,
    )
    if (!arrived) return false
    const others = await rowsByKey(there, onThere, keys)
    for (const key of keys) {
      const row = rows.get(keyOf(key))
      const other = others.get(keyOf(key))
      // A row that is not there cannot be locked: it may have come meanwhile, and then it is no longer extra.
      const now = row ?? (await rowsByKey(client, onHere, [key])).get(keyOf(key))
      if (!same(now, other) && !same(row, other)) {
        divergences.push(describe(options, key, now, other))
      }
    }
    return true
  })
}

type Both = Record<SideName, Map<string, FullRow>>

async function readBoth(
  options: SettleOptions,
  keys: readonly (readonly string[])[],
): Promise<Both> {
  const [source, target] = await Promise.all([
    rowsByKey(options.source, options.onSource, keys),
    rowsByKey(options.target, options.onTarget, keys),
  ])
  return { source, target }
}

/** Which side may write each row now. */
async function ownersOf(
  options: SettleOptions,
  keys: readonly (readonly string[])[],
  rows: Both,
): Promise<Map<string, SideName>> {
  const open = await openBuckets(options.target, options.extraction)
  const { ownerIndex } = options.onTarget
  const owned = (row: FullRow | undefined) =>
    row !== undefined && open.has(bucketOf(ownerIndex === null ? null : row[ownerIndex]))
  return new Map(
    keys.map((key) => {
      const id = keyOf(key)
      const byTarget = owned(rows.source.get(id) ?? rows.target.get(id))
      return [id, byTarget ? 'target' : 'source']
    }),
  )
}

/** Buckets that a side may write now. */
export async function openBuckets(db: Queryable, extraction: string): Promise<Set<number>> {
  const { rows } = await db.query<{ bucket: number }>(
    "SELECT bucket FROM banyan.ownership WHERE extraction = $1 AND state = 'open'",
    [extraction],
  )
  return new Set(rows.map((row) => row.bucket))
}

async function caughtUp(options: SettleOptions, owners: ReadonlySet<SideName>): Promise<void> {
  await Promise.all([
    ...(owners.has('source') ? [options.forward.probe(PROBE_MS)] : []),
    ...(owners.has('target') ? [options.reverse.probe(PROBE_MS)] : []),
  ])
}

function same(a: FullRow | undefined, b: FullRow | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.every((value, i) => value === b[i])
}

function describe(
  options: SettleOptions,
  key: readonly string[],
  owners: FullRow | undefined,
  other: FullRow | undefined,
): Divergence {
  const { columns } = options.onTarget
  const differing =
    owners && other ? columns.flatMap((_, i) => (owners[i] === other[i] ? [] : [i])) : []
  return {
    table: options.onSource.name,
    key,
    kind: kindOf(owners, other, differing),
    columns: differing.map((i) => columns[i]!),
  }
}

function kindOf(
  owners: FullRow | undefined,
  other: FullRow | undefined,
  differing: readonly number[],
): Divergence['kind'] {
  if (owners === undefined) return 'extra'
  if (other === undefined) return 'missing'
  const [a, b] = differing
  const exchanged = differing.length === 2 && owners[a!] === other[b!] && owners[b!] === other[a!]
  return exchanged ? 'swapped' : 'changed'
}
