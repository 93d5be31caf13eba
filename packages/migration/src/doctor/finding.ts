/** `error`: the extraction would fail or lose. `warning`: it can go wrong. `note`: worth knowing beforehand. */
export type Severity = 'error' | 'warning' | 'note'

/** One thing `doctor` saw. */
export interface Finding {
  /** Which check; these names stay. */
  readonly check: string
  readonly severity: Severity
  /** What it is about: a side, a table, a URL. */
  readonly subject: string
  /** What was found and why it matters. */
  readonly finding: string
  /** The exact SQL or setting that mends it. */
  readonly mend: string
}

/** A finding of one check; `severity` is the check's own unless a case differs. */
export function finding(
  check: string,
  severity: Severity,
  subject: string,
  what: string,
  mend: string,
): Finding {
  return { check, severity, subject, finding: what, mend }
}

const ORDER: Record<Severity, number> = { error: 0, warning: 1, note: 2 }

/** Errors first; inside a severity in the order the checks ran. */
export function bySeverity(a: Finding, b: Finding): number {
  return ORDER[a.severity] - ORDER[b.severity]
}
