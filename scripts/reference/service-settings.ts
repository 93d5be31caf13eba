import { z } from 'zod'
import { SETTING_GROUPS } from '../../packages/service/src/settings.ts'
import { boundsOf, defaultOf, type Schema } from './schema.ts'
import type { Types } from './types.ts'

const WHEN: Record<keyof typeof SETTING_GROUPS, string> = {
  Common: 'Every service',
  Secured: 'Every service that is called with certificates',
  Stored: 'A service with a database',
  Bused: 'A service that says or hears events',
  Cached: 'A service with a cache',
}

/** docs/reference/service-settings.md: what a service reads from its environment. */
export function serviceSettingsPage(types: Types): string {
  const parts = Object.entries(SETTING_GROUPS).map(([name, group]) => {
    const schema = z.toJSONSchema(group, { io: 'input', unrepresentable: 'any' }) as Schema
    const keys = types.keysOfSettings('packages/service/src/settings.ts', 'SETTING_GROUPS', name)
    const rows = keys.map((key) => {
      if (key.meaning === '') throw new Error(`nothing is said of ${key.name}`)
      const one = schema.properties![key.name]
      const required = schema.required?.includes(key.name) ? ' *' : ''
      const cells = [`\`${key.name}\`${required}`, defaultOf(one), boundsOf(one), key.meaning]
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
    })
    const head = `## ${WHEN[name as keyof typeof WHEN]}\n\n| variable | default | bounds | meaning |\n|---|---|---|---|\n`
    return `${head}${rows.join('\n')}\n`
  })
  return `# Settings of a service

Read from the environment by services that are written with [the kit](../../packages/service/README.md). \`*\`: must be set. One that is set to nothing counts as not set.
A service that is set wrongly ends at once, and says which variable breaks which rule. Beside these, each has settings of its own, and one for each service
it calls. Made by \`npm run reference\` from the schemas that they are checked with.

${parts.join('\n')}`
}
