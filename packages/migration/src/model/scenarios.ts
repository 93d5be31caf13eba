import { bounds, type Scenario } from './bounds.ts'

/**
 * The same model under different budgets. All budgets at once would be too many states; each
 * scenario spends them on the things that can meet.
 */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'two engines, three handovers',
    bounds: bounds({ writes: 3, handovers: 3, aborts: 1, faults: 2 }),
  },
  {
    name: 'paused appliers, three handovers',
    bounds: bounds({ writes: 3, handovers: 3, aborts: 1, faults: 1, batches: 2 }),
  },
  {
    name: 'copy beside the stream',
    bounds: bounds({ writes: 4, clients: 2, handovers: 1, faults: 2, batches: 1, copy: true }),
  },
  {
    name: 'chunks copied again, three handovers',
    bounds: bounds({ writes: 2, handovers: 3, faults: 1, repairs: 1 }),
  },
  {
    name: 'two gateways, one stale',
    bounds: bounds({ writes: 1, handovers: 2, aborts: 1, gateways: 2, faults: 2, leases: 1 }),
  },
  {
    name: 'canary of two groups',
    bounds: bounds({ groups: 2, writes: 3, handovers: 2, faults: 1, sequences: true }),
  },
  {
    name: 'long transactions, three handovers',
    bounds: bounds({ writes: 3, clients: 2, handovers: 3, faults: 1, transactions: true }),
  },
]

/** Smaller budgets for the test command; every kind of budget is still spent somewhere. */
export const QUICK_SCENARIOS: readonly Scenario[] = [
  {
    name: 'two engines, two handovers',
    bounds: bounds({ writes: 2, handovers: 2, aborts: 1, faults: 2 }),
  },
  {
    name: 'paused appliers, three handovers',
    bounds: bounds({ writes: 2, handovers: 3, faults: 1, batches: 1 }),
  },
  {
    name: 'copy beside the stream',
    bounds: bounds({ writes: 3, handovers: 1, faults: 1, batches: 1, copy: true }),
  },
  {
    name: 'chunks copied again, two handovers',
    bounds: bounds({ writes: 2, handovers: 2, faults: 1, repairs: 1 }),
  },
  {
    name: 'two gateways, one stale',
    bounds: bounds({ writes: 1, handovers: 2, gateways: 2, faults: 1, leases: 1 }),
  },
  {
    name: 'canary of two groups',
    bounds: bounds({ groups: 2, writes: 2, handovers: 2, faults: 1, sequences: true }),
  },
  {
    name: 'long transactions, two handovers',
    bounds: bounds({ writes: 2, clients: 2, handovers: 2, faults: 1, transactions: true }),
  },
]
