import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { checkModel } from './index.ts'

const { values } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
})
const report = checkModel({ quick: values.quick, print: (line) => console.log(line) })
const { states, violations, mutants, mutantsFound } = report
console.log(
  `${states.toLocaleString('en')} states, ${violations} violations, ${mutantsFound} of ${mutants} mutants found`,
)
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
process.exitCode = violations === 0 && mutantsFound === mutants ? 0 : 1
