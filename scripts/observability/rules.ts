import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')
const RULES = join(ROOT, 'deploy', 'prometheus', 'rules')

export interface RuleFile {
  readonly name: string
  readonly text: string
}

/** The files that Prometheus is given, as they are written. */
export function ruleFiles(): readonly RuleFile[] {
  return readdirSync(RULES).map((name) => ({ name, text: readFileSync(join(RULES, name), 'utf8') }))
}

export interface Alert {
  readonly name: string
  readonly file: string
  readonly severity: string
  /** Path within the repository. */
  readonly runbook: string
}

export function alerts(): readonly Alert[] {
  return ruleFiles().flatMap(({ name: file, text }) =>
    text
      .split(/^ {6}- /m)
      .filter((rule) => rule.startsWith('alert: '))
      .map((rule) => ({
        name: memberOf(rule, 'alert'),
        file,
        severity: memberOf(rule, 'severity'),
        runbook: memberOf(rule, 'runbook'),
      })),
  )
}

function memberOf(rule: string, name: string): string {
  const value = new RegExp(`^\\s*${name}: (\\S+)$`, 'm').exec(rule)?.[1]
  if (value === undefined) throw new Error(`a rule has no "${name}":\n${rule}`)
  return value
}
