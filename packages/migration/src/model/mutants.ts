import { type Bounds, bounds } from './bounds.ts'
import type { InvariantName } from './invariants.ts'
import type { Rule } from './rules.ts'

export interface Mutant {
  name: string
  /** The rule of the protocol's text that is taken out, in its words. */
  rule: string
  /** The one switch that takes it out. */
  without: Rule
  /** The invariant that the rule serves, and that has to break. */
  invariant: InvariantName
  /** The least budgets in which it breaks: more would only take longer. */
  bounds: Bounds
}

const mutant = (
  name: string,
  without: Rule,
  invariant: InvariantName,
  rule: string,
  some: Partial<Bounds>,
): Mutant => ({ name, rule, without, invariant, bounds: bounds(some) })

/** The mutants that the protocol's text names, in its order; then further rules of the text. */
export const MUTANTS: readonly Mutant[] = [
  mutant(
    'no guard',
    'guard',
    'one writer',
    'Guard: every write to a moved table is refused unless the ownership row is open',
    { writes: 1, handovers: 1 },
  ),
  mutant(
    'guard without lock',
    'guardLock',
    'owner complete',
    'Guard: it holds a shared lock on the stripe, which the flip takes exclusively',
    { writes: 1, handovers: 1 },
  ),
  mutant(
    'open before drain',
    'drain',
    'owner complete',
    'Step 3, Drain: Z has committed the barrier before A gives',
    { writes: 1, handovers: 1 },
  ),
  mutant(
    'reverse slot late',
    'reverseSlotFirst',
    'nothing lost',
    'Step 0, Ready: the reverse slot exists before Z can take a write',
    { writes: 1, handovers: 1 },
  ),
  mutant(
    'untagged',
    'tags',
    'no loop',
    'Tag: what appliers write carries an origin, which the stream the other way drops',
    { writes: 1, handovers: 1 },
  ),
  mutant(
    'barrier before close',
    'barrierInClose',
    'owner complete',
    'Barrier: it stands in the transaction that closes A',
    { writes: 1, handovers: 1 },
  ),
  mutant(
    'barrier without identity',
    'barrierIdentity',
    'owner complete',
    'Barrier: the drain waits for exactly the one of its own attempt',
    { writes: 1, handovers: 2, aborts: 1 },
  ),
  mutant(
    'recovery ignores Z',
    'recoveryLooksAtBoth',
    'one writer',
    'Recovery: A is reopened only if Z is not open and A is not given',
    { writes: 1, handovers: 1, faults: 1 },
  ),
  mutant(
    'recovery picks the source',
    'recoveryByEpoch',
    'owner complete',
    'Ownership: of two rows that are not open, the higher epoch was the owner',
    { writes: 1, handovers: 2, faults: 1 },
  ),
  mutant('no token', 'token', 'one writer', 'Engine token: every flip requires its own token', {
    writes: 1,
    handovers: 1,
    faults: 1,
  }),
  mutant(
    'token at one side only',
    'tokenBothSides',
    'one writer',
    'Engine token: an engine that takes over raises it in both databases',
    { writes: 1, handovers: 1, faults: 1 },
  ),
  mutant(
    'position overwritten blindly',
    'positionCompared',
    'nothing lost',
    'Appliers: each transaction begins with a compare-and-set on position and token',
    { writes: 2, handovers: 1, faults: 1, batches: 1 },
  ),
  mutant(
    'late reads',
    'readsMovedFirst',
    'read your writes',
    'Step 6, Move reads: no gateway reads B from A when Z opens',
    { writes: 1, handovers: 1, gateways: 2 },
  ),
  mutant(
    'sequence margin',
    'disjointSequences',
    'unique ids',
    'Sequences: the two sides draw from disjoint parities, not from a margin',
    { groups: 2, writes: 3, handovers: 1, sequences: true },
  ),
  mutant(
    'no reconciling',
    'reconcile',
    'no wedge',
    'Recovery: an idle engine looks again, and mends a table that differs',
    { writes: 1, handovers: 1, gateways: 2, leases: 1 },
  ),
  mutant(
    'reads before it raises',
    'raiseBeforeRead',
    'one writer',
    'Engine token: raised in both databases before the engine reads anything',
    { writes: 1, handovers: 1, faults: 1 },
  ),
  mutant(
    'chunk without eviction',
    'eviction',
    'nothing lost',
    'Copy: an event in the window evicts its key from the chunk',
    { writes: 2, copy: true },
  ),
  mutant(
    'acknowledged before durable',
    'durableAcknowledged',
    'nothing lost',
    'Appliers: they acknowledge to the slot only what is durable',
    { writes: 1, faults: 1, batches: 1 },
  ),
  mutant(
    'every origin dropped',
    'onlyCounterpartDropped',
    'nothing lost',
    'Tag: the stream drops exactly what its counterpart wrote, nothing else',
    { writes: 1 },
  ),
  mutant(
    'table without token',
    'gatewayToken',
    'read your writes',
    'Engine token: table versions and holds at the gateways carry it too',
    { writes: 1, handovers: 1, gateways: 2, faults: 1 },
  ),
  mutant(
    'lease outlived',
    'leaseStops',
    'read your writes',
    'Gateways: one that cannot renew stops serving moved routes before its lease ends',
    { writes: 1, handovers: 1, gateways: 2, leases: 1 },
  ),
  mutant(
    'old transaction admitted',
    'oldTransactionsRefused',
    'read your writes',
    'Guard: 40001 when the transaction began before opened_at',
    { writes: 2, handovers: 2, clients: 2, transactions: true },
  ),
  mutant(
    'epoch used again',
    'newEpochs',
    'owner complete',
    'Ownership: every attempt and every reopening takes a new epoch',
    { writes: 1, handovers: 2, aborts: 1 },
  ),
  mutant(
    'chunk from a side that does not own',
    'chunkFromOwner',
    'nothing lost',
    'Found by this model: a chunk takes only rows of buckets that are open on its source',
    { writes: 1, handovers: 1, repairs: 1 },
  ),
  mutant(
    'chunk outlives a barrier',
    'barrierEvicts',
    'nothing lost',
    'Found by this model: a barrier evicts its buckets from every pending chunk of its stream',
    { writes: 1, handovers: 2, repairs: 1 },
  ),
  mutant(
    'registers with its old table',
    'registersHolding',
    'read your writes',
    'Found by this model: a gateway whose lease ended holds all until it is told a table',
    { writes: 1, handovers: 1, gateways: 1, leases: 1 },
  ),
  mutant(
    'registers without the token',
    'registersWithToken',
    'read your writes',
    'Found by this model: a gateway learns the token when it registers, from the database',
    { writes: 1, handovers: 1, gateways: 1, leases: 1, faults: 1 },
  ),
]
