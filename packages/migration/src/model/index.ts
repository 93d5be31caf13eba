import type { Bounds } from './bounds.ts'
import { type Exploration, explore, type Violation } from './check.ts'
import { INVARIANTS, type InvariantName, type StateInvariants } from './invariants.ts'
import { MUTANTS, type Mutant } from './mutants.ts'
import { ALL_RULES, without } from './rules.ts'
import { QUICK_SCENARIOS, SCENARIOS } from './scenarios.ts'

interface ScenarioResult {
  scenario: string
  states: number
  distinct: number
  progressSteps: number
  depth: number
  violation: Violation | undefined
}

export interface MutantResult {
  mutant: string
  rule: string
  /** The invariant that the rule serves. */
  invariant: InvariantName
  /** Whether exactly that invariant broke, and no other earlier. */
  found: boolean
  /** Others that broke after as many steps. */
  also: InvariantName[]
  states: number
  depth: number
  trace: string[]
}

export interface ModelReport {
  /** States of the protocol with all its rules, over all scenarios. */
  states: number
  /** Of these, the ones that differ in more than what was used of the budgets. */
  distinctStates: number
  invariants: readonly InvariantName[]
  violations: number
  mutants: number
  mutantsFound: number
  bounds: Record<string, Bounds>
  scenarios: ScenarioResult[]
  results: MutantResult[]
}

export interface ModelOptions {
  /** The smaller scenarios of the test command (about a tenth of the states). */
  quick?: boolean
  /** Called with each line of progress. */
  print?: (line: string) => void
  /** Stands in for the invariants, to test the checker itself. */
  invariants?: StateInvariants
}

/**
 * Checks the handover protocol in every state of every scenario, and then that each mutant breaks
 * the invariant its missing rule serves. Takes about 40 s of one core, and 400 MB; `quick` a tenth of it.
 */
export function checkModel(options: ModelOptions = {}): ModelReport {
  const print = options.print ?? (() => undefined)
  const scenarios = options.quick ? QUICK_SCENARIOS : SCENARIOS
  const checked = scenarios.map(({ name, bounds }): ScenarioResult => {
    print(`${name}: ${boundsWords(bounds)}`)
    const explored = explore({ bounds, rules: ALL_RULES }, options)
    const verdict = explored.violation?.invariants.join(', ') ?? 'holds'
    const counted = `${count(explored.states)} states (${count(explored.distinct)} but for budgets)`
    print(`  ${counted}, ${explored.depth} deep: ${verdict}`)
    for (const step of explored.violation?.trace ?? []) print(`    ${step}`)
    return { scenario: name, ...explored }
  })
  const results = MUTANTS.map((mutant) => {
    const result = checkMutant(mutant, options.invariants)
    print(mutantWords(result))
    for (const step of result.trace) print(`    ${step}`)
    return result
  })
  return {
    states: checked.reduce((sum, { states }) => sum + states, 0),
    distinctStates: checked.reduce((sum, { distinct }) => sum + distinct, 0),
    invariants: INVARIANTS,
    violations: checked.filter(({ violation }) => violation !== undefined).length,
    mutants: results.length,
    mutantsFound: results.filter(({ found }) => found).length,
    bounds: Object.fromEntries(scenarios.map(({ name, bounds }) => [name, bounds])),
    scenarios: checked,
    results,
  }
}

/** Explores the protocol without one rule until something breaks. */
export function checkMutant(mutant: Mutant, invariants?: StateInvariants): MutantResult {
  const world = { bounds: mutant.bounds, rules: without(mutant.without) }
  const options = { expected: mutant.invariant, ...(invariants && { invariants }) }
  const { states, violation }: Exploration = explore(world, options)
  const broke = violation?.invariants ?? []
  return {
    mutant: mutant.name,
    rule: mutant.rule,
    invariant: mutant.invariant,
    found: broke.includes(mutant.invariant),
    also: broke.filter((name) => name !== mutant.invariant),
    states,
    depth: violation?.depth ?? 0,
    trace: violation?.trace ?? [],
  }
}

const count = (n: number): string => n.toLocaleString('en')

const boundsWords = (bounds: Bounds): string =>
  Object.entries(bounds)
    .filter(([, value]) => value !== 0 && value !== false)
    .map(([name, value]) => (value === true ? name : `${name} ≤ ${value}`))
    .join(', ')

function mutantWords({ mutant, invariant, found, also, depth }: MutantResult): string {
  if (!found) return `mutant "${mutant}": NOT FOUND by "${invariant}"`
  if (invariant === 'no wedge') {
    return `mutant "${mutant}" breaks "${invariant}": ${depth} steps, and from there no way to rest`
  }
  const others = also.length === 0 ? '' : ` (as soon: ${also.join(', ')})`
  return `mutant "${mutant}" breaks "${invariant}" in ${depth} steps${others}`
}
