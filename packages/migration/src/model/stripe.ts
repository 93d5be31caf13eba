import { CLIENT, get, type Side, type State } from './state.ts'

/** Client transactions: `phase | side << 2 | group << 3 | old << 4`; 0 is a free place. */
export const BEGUN = 1
export const PASSED = 2
export const CLIENTS = [0, 1] as const
export const client = (phase: number, side: Side, group: number): number =>
  phase | (side << 2) | (group << 3)
export const phaseOf = (c: number): number => c & 3
export const clientSide = (c: number): Side => ((c >> 2) & 1) as Side
export const clientGroup = (c: number): number => (c >> 3) & 1
/** It read before a write that was since acknowledged on the other side. */
export const OLD = 1 << 4

/** Whether a client's transaction holds the stripe (shared) from its guard to its commit. */
export const stripeHeld = (s: State, side: Side, group: number): boolean =>
  CLIENTS.some((at) => get(s, CLIENT + at) % OLD === client(PASSED, side, group))

/** Puts clients in one order: which of two places one sits in makes no difference. */
export function sortClients(s: State): void {
  const [a, b] = [get(s, CLIENT), get(s, CLIENT + 1)]
  s[CLIENT] = Math.max(a, b)
  s[CLIENT + 1] = Math.min(a, b)
}

/**
 * Transactions that began before the bucket went away meet BN001 now and 40001 once it is open
 * again (`opened_at`): nothing they do can have an effect, so they end here.
 */
export function dropOldTransactions(s: State, side: Side, group: number): void {
  for (const at of CLIENTS) {
    if (get(s, CLIENT + at) % OLD === client(BEGUN, side, group)) s[CLIENT + at] = 0
  }
  sortClients(s)
}
