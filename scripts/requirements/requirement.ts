/** A test that was executed and passed; a test of many cases, when each of them did. */
export interface TestEvidence {
  readonly kind: 'test'
  /** From the root of the repository. */
  readonly file: string
  /** Its own name, without those of the `describe` around it. */
  readonly name: string
}

/** A script of the repository that ends with 0. */
export interface ScriptEvidence {
  readonly kind: 'script'
  /** As in `npm run NAME`. */
  readonly script: string
}

/** A figure in the report of a measurement. */
export interface FigureEvidence {
  readonly kind: 'figure'
  /** Name under which the report is given: `--figures NAME=FILE`. */
  readonly report: string
  /** What measures it, and writes the report. */
  readonly command: string
  /** Path of the figure; in a list a step is an index, or the value of some member: `runs.quick.p95`. */
  readonly key: string
  readonly atMost: number
}

export type Evidence = TestEvidence | ScriptEvidence | FigureEvidence

/** One line of a system's document, with what shows that it holds. */
export interface Requirement {
  /** As in the document; what it lists below one gets a letter: `FR4.3.a`. */
  readonly id: string
  /** What is asked, in a few words. */
  readonly text: string
  /** All of it has to hold. None is a requirement that is missing. */
  readonly shownBy?: readonly Evidence[]
  /** What is not there, or not shown, though some of it is: the requirement is missing then. */
  readonly lacks?: string
  /** Why it comes later. */
  readonly deferred?: string
}

/** `const stock = testsIn('…/stock.test.ts')`, then `stock('counts down', 'never below none')`. */
export function testsIn(file: string): (...names: readonly string[]) => readonly TestEvidence[] {
  return (...names) => names.map((name) => ({ kind: 'test', file, name }))
}

export function script(name: string): ScriptEvidence {
  return { kind: 'script', script: name }
}
