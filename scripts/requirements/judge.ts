import type { Evidence, FigureEvidence, Requirement } from './requirement.ts'

/** What vitest's JSON reporter writes, as far as it is read here. */
export interface TestReport {
  /** ms since the epoch. */
  readonly startTime: number
  readonly testResults: readonly {
    /** Absolute path. */
    readonly name: string
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[]
  }[]
}

/** What was executed, and how it went. */
export interface Executed {
  /** Statuses of the tests of a name, by `file: name`; several where a name stands more than once. */
  readonly tests: ReadonlyMap<string, readonly string[]>
  /** Whether a script ended with 0. */
  readonly scripts: ReadonlyMap<string, boolean>
  /** Reports of measurements, by the name that requirements have for them. */
  readonly figures: ReadonlyMap<string, FigureReport>
}

/** What a measurement wrote. */
export interface FigureReport {
  readonly file: string
  readonly content: unknown
}

export interface Verdict {
  readonly id: string
  readonly text: string
  /** `unmeasured`: all that is missing of it is a measurement that nobody has taken. */
  readonly state: 'shown' | 'missing' | 'unmeasured' | 'deferred'
  /** The tests, scripts and figures that hold. */
  readonly by: readonly string[]
  /** Why it is missing or deferred. */
  readonly why: readonly string[]
}

/** Holds each requirement against what was executed: what was skipped, failed or not run does not count. */
export function judge(
  requirements: readonly Requirement[],
  executed: Executed,
): readonly Verdict[] {
  return requirements.map(({ id, text, shownBy = [], lacks, deferred }) => {
    const faults = shownBy.map((one) => faultOf(one, executed))
    const by = shownBy
      .filter((_, i) => faults[i] === null)
      .map((one) => nameOf(one) + sourceOf(one, executed))
    if (deferred !== undefined) return { id, text, state: 'deferred', by, why: [deferred] }
    const why = [...new Set(faults.filter((fault) => fault !== null))]
    if (lacks !== undefined) why.push(lacks)
    if (shownBy.length === 0 && lacks === undefined) why.push('nothing shows it')
    if (why.length === 0) return { id, text, state: 'shown', by, why }
    const unmeasured = shownBy.filter((one) => isUnmeasured(one, executed)).length
    const others = faults.filter((fault) => fault !== null).length - unmeasured
    const measuringWouldDo = unmeasured > 0 && others === 0 && lacks === undefined
    return { id, text, state: measuringWouldDo ? 'unmeasured' : 'missing', by, why }
  })
}

/** @throws Error that names an id that stands twice, or one deferred that is shown all the same */
export function checkList(requirements: readonly Requirement[]): void {
  const ids = requirements.map(({ id }) => id)
  const twice = ids.find((id, i) => ids.indexOf(id) !== i)
  if (twice !== undefined) throw new Error(`${twice} stands twice in the list of requirements`)
  const both = requirements.find(({ deferred, shownBy }) => deferred !== undefined && shownBy)
  if (both) throw new Error(`${both.id} is deferred and shown; it can be one of them`)
}

export function keyOfTest(file: string, name: string): string {
  return `${file}: ${name}`
}

/** Why a piece of evidence does not hold; null where it does. */
function faultOf(evidence: Evidence, executed: Executed): string | null {
  const name = nameOf(evidence)
  switch (evidence.kind) {
    case 'test': {
      const statuses = executed.tests.get(keyOfTest(evidence.file, evidence.name))
      if (!statuses) return `not run, or not there: ${name}`
      const bad = statuses.find((status) => status !== 'passed')
      return bad === undefined ? null : `${bad}: ${name}`
    }
    case 'script': {
      const good = executed.scripts.get(evidence.script)
      return good ? null : `${good === undefined ? 'not run' : 'failed'}: ${name}`
    }
    case 'figure':
      return faultOfFigure(evidence, executed.figures)
  }
}

function isUnmeasured(evidence: Evidence, { figures }: Executed): boolean {
  return evidence.kind === 'figure' && !figures.has(evidence.report)
}

function faultOfFigure(evidence: FigureEvidence, reports: Executed['figures']) {
  const { report, command, key, atMost } = evidence
  const given = reports.get(report)
  if (!given) return `not measured: ${command}, then --figures ${report}=FILE`
  const value = at(given.content, key.split('.'))
  if (typeof value !== 'number') return `${given.file} has no figure ${key}`
  return value <= atMost ? null : `${key} is ${value} in ${given.file}; at most ${atMost}`
}

function at(value: unknown, path: readonly string[]): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (Array.isArray(value)) {
    const named = value.find((one) => Object.values(one ?? {}).includes(step))
    return at(named ?? value[Number(step)], rest)
  }
  if (typeof value !== 'object' || value === null) return undefined
  return at((value as Readonly<Record<string, unknown>>)[step], rest)
}

function nameOf(evidence: Evidence): string {
  switch (evidence.kind) {
    case 'test':
      return keyOfTest(evidence.file, evidence.name)
    case 'script':
      return `npm run ${evidence.script}`
    case 'figure':
      return `${evidence.key} of ${evidence.command}`
  }
}

/** Where a figure stands. */
function sourceOf(evidence: Evidence, { figures }: Executed): string {
  return evidence.kind === 'figure' ? `, in ${figures.get(evidence.report)!.file}` : ''
}
