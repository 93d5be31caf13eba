import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkCompatible, type Incompatibility } from './compatibility.ts'
import type { EventRegistry, JsonSchema } from './events.ts'

/**
 * Holds events against the schemas of theirs that are recorded in a folder, a file a version
 * (`order.placed.v1.json`, committed with the code): for a test of the service that publishes them.
 * With BANYAN_RECORD in the environment the files are written anew instead, for a reviewer to see.
 *
 * @returns what breaks a consumer, or is not recorded; empty when all is well
 */
export function checkRecorded(registry: EventRegistry, folder: string): Incompatibility[] {
  const record = process.env.BANYAN_RECORD !== undefined
  if (record) mkdirSync(folder, { recursive: true })
  const files = new Set(readdirSync(folder).filter((name) => name.endsWith('.json')))
  const problems: Incompatibility[] = []
  for (const definition of registry.definitions) {
    const { type, version } = definition
    const file = fileOf(type, version)
    const text = `${JSON.stringify(definition.written, null, 2)}\n`
    if (!files.has(file)) {
      if (record) writeFileSync(join(folder, file), text)
      else problems.push(`${file}: is not recorded; run the test with BANYAN_RECORD=1`)
    } else {
      const recorded = JSON.parse(readFileSync(join(folder, file), 'utf8')) as JsonSchema
      const found = checkCompatible(recorded, definition)
      problems.push(...found.map((problem) => `${file}: ${problem}`))
      // Only what is compatible: or the record of what others rely on would be lost.
      if (record && found.length === 0) writeFileSync(join(folder, file), text)
    }
    for (let before = 1; before < version; before++) {
      if (files.has(fileOf(type, before)) && !definition.knows(before)) {
        problems.push(`${fileOf(type, before)}: version ${version} has no upcast from ${before}`)
      }
    }
  }
  for (const name of files) {
    const type = name.replace(/\.v\d+\.json$/, '')
    if (!registry.get(type)) problems.push(`${name}: the event is no longer published`)
  }
  return problems
}

function fileOf(type: string, version: number): string {
  return `${type}.v${version}.json`
}
