import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { alerts, ROOT } from './rules.ts'
import { EVENT_FAULTS } from './testing/event-faults.ts'
import { EXTRACTION_FAULTS } from './testing/extraction-faults.ts'
import { SERVICE_FAULTS } from './testing/service-faults.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

describe.each(alerts())('the alert $name', ({ name, file, severity, runbook }) => {
  it('wakes somebody or makes a ticket', () => {
    expect(['critical', 'warning']).toContain(severity)
  })

  it('has a runbook that knows it, says what to look at and what to do, and how it clears', () => {
    const text = read(runbook)
    expect(text).toContain(`\`${name}\``)
    for (const part of ['What it means', 'Look at', 'Do', 'Clears'])
      expect(text).toContain(`**${part}`)
  })

  it('is seen firing and not firing by a test of promtool', () => {
    const cases = [...read(`deploy/prometheus/tests/${file}`).matchAll(CASE)]
      .map(([, flat, quiet, block]) => ({ alert: flat ?? block, quiet: quiet !== undefined }))
      .filter(({ alert }) => alert === name)
    expect(new Set(cases.map(({ quiet }) => quiet))).toEqual(new Set([true, false]))
  })

  it('stands in the table of docs/observability.md', () => {
    expect(read('docs/observability.md')).toContain(
      `| [\`${name}\`](${runbook.slice('docs/'.length)}) | ${severity} |`,
    )
  })
})

it('each alert is set off by a fault of real processes, and each fault sets off one that there is', () => {
  const faults = [EXTRACTION_FAULTS, SERVICE_FAULTS, EVENT_FAULTS].flat()
  expect(faults.flatMap((fault) => Object.keys(fault.alerts)).sort()).toEqual(
    alerts()
      .map(({ name }) => name)
      .sort(),
  )
})

/** `{ eval_time: 1m, alertname: X, exp_alerts: [] }`, or the same over several lines. */
const CASE =
  /eval_time: \w+(?:, alertname: (\w+), exp_alerts:( \[\])?|\n\s+alertname: (\w+)\n\s+exp_alerts:)/g
