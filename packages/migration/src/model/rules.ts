/**
 * The rules of the protocol that can be taken out. A mutant is the protocol with exactly one of
 * them false; `mutants.ts` says which sentence of the text each stands for.
 */
export const RULES = [
  'guard',
  'guardLock',
  'drain',
  'reverseSlotFirst',
  'tags',
  'barrierInClose',
  'barrierIdentity',
  'recoveryLooksAtBoth',
  'recoveryByEpoch',
  'token',
  'tokenBothSides',
  'positionCompared',
  'readsMovedFirst',
  'disjointSequences',
  'reconcile',
  'raiseBeforeRead',
  'eviction',
  'barrierEvicts',
  'chunkFromOwner',
  'newEpochs',
  'durableAcknowledged',
  'onlyCounterpartDropped',
  'gatewayToken',
  'leaseStops',
  'registersHolding',
  'registersWithToken',
  'oldTransactionsRefused',
] as const

export type Rule = (typeof RULES)[number]
export type Rules = Readonly<Record<Rule, boolean>>

export const ALL_RULES: Rules = Object.freeze(
  Object.fromEntries(RULES.map((rule) => [rule, true])) as Record<Rule, boolean>,
)
export const without = (rule: Rule): Rules => Object.freeze({ ...ALL_RULES, [rule]: false })
