import { setTimeout as delay } from 'node:timers/promises'
import { type Pool, transaction } from '@banyan/postgres'
import type { Link } from './link.ts'
import { keyOf, type MappedTable, ownerKeyOf, rowsByKey } from './mapped-rows.ts'
import { type Owner, Owners, sameOwner } from './owners.ts'
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
/** When a handover is at work on all that is left, ms. */
const UNDECIDED_MS = 50

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
  const ownersBefore = await readOwners(options)
  const before = await readBoth(options, suspects)
  // Mostly the stream has brought by now what was missing.
  const keys = suspects.filter(
    (key) => !same(before.source.get(keyOf(key)), before.target.get(keyOf(key))),
  )
  if (keys.length === 0) return []
  const owners = ownersOf(options, keys, before, ownersBefore)
  await caughtUp(options, owners)
  const middle = await readBoth(options, keys)
  const after = await readBoth(options, keys)
  const ownersAfter = ownersOf(options, keys, after, await readOwners(options))
  return keys.filter((key) => {
    const id = keyOf(key)
    const owner = owners.get(id)
    // Given away meanwhile, or being so: what stood still on one side says nothing.
    if (!owner || !sameOwner(owner, ownersAfter.get(id))) return true
    const first = before[owner.side].get(id)
    const last = after[owner.side].get(id)
    const other = middle[otherThan(owner.side)].get(id)
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
  const owners = ownersOf(options, keys, await readBoth(options, keys), await readOwners(options))
  // Whatever the streams are behind is waited for before the rows are held, not while.
  await caughtUp(options, owners)
  const undecided = keys.filter((key) => !owners.get(keyOf(key)))
  for (const side of ['source', 'target'] as const) {
    const mine = keys.filter((key) => owners.get(keyOf(key))?.side === side)
    if (mine.length === 0) continue
    const found: Divergence[] = []
    const left = await lookHeldAt(side, options, mine, found)
    // The lock holds the row, not the bucket.
    const now = await readOwners(options)
    const both = await readBoth(
      options,
      found.map((one) => one.key),
    )
    const ownersNow = ownersOf(options, mine, both, now)
    for (const one of found) {
      const id = keyOf(one.key)
      if (sameOwner(owners.get(id), ownersNow.get(id))) divergences.push(one)
      else undecided.push(one.key)
    }
    undecided.push(...left)
  }
  if (undecided.length === keys.length) await delay(UNDECIDED_MS)
  return undecided
}

/** @returns keys that could not be decided. */
async function lookHeldAt(
  owner: SideName,
  options: SettleOptions,
  keys: readonly (readonly string[])[],
  divergences: Divergence[],
): Promise<readonly (readonly string[])[]> {
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
    if (!arrived) return keys
    const others = await rowsByKey(there, onThere, keys)
    const undecided: (readonly string[])[] = []
    for (const key of keys) {
      const row = rows.get(keyOf(key))
      const other = others.get(keyOf(key))
      if (same(row, other)) continue
      // A row that is not there cannot be locked: it may have come meanwhile.
      const came = row === undefined && (await rowsByKey(client, onHere, [key])).has(keyOf(key))
      if (came) undecided.push(key)
      else divergences.push(describe(options, key, row, other))
    }
    return undecided
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

function readOwners({ source, target, extraction }: SettleOptions): Promise<Owners> {
  return Owners.read({ source, target }, extraction)
}

/** Which side may write each row; no entry while its bucket is on its way. */
function ownersOf(
  { onTarget }: SettleOptions,
  keys: readonly (readonly string[])[],
  rows: Both,
  owners: Owners,
): Map<string, Owner> {
  const found = new Map<string, Owner>()
  for (const key of keys) {
    const id = keyOf(key)
    const owner = owners.ofRow({
      source: ownerKeyOf(onTarget, rows.source.get(id)),
      target: ownerKeyOf(onTarget, rows.target.get(id)),
    })
    if (owner) found.set(id, owner)
  }
  return found
}

/** Waits until all that the owners had committed is on the other side. */
async function caughtUp(options: SettleOptions, owners: ReadonlyMap<string, Owner>): Promise<void> {
  const sides = new Set([...owners.values()].map((owner) => owner.side))
  const probes = [
    ...(sides.has('source') ? [options.forward.probe(PROBE_MS)] : []),
    ...(sides.has('target') ? [options.reverse.probe(PROBE_MS)] : []),
  ]
  await unlessAborted(Promise.all(probes), options.signal)
}

/** A stream that stands still must not keep one who gives up. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal | undefined) {
  let giveUp = () => {}
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal!.reason)
    if (signal?.aborted) giveUp()
    signal?.addEventListener('abort', giveUp)
  })
  await Promise.race([work, aborted]).finally(() => signal?.removeEventListener('abort', giveUp))
}

function otherThan(side: SideName): SideName {
  return side === 'source' ? 'target' : 'source'
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
