import { z } from 'zod'
import { optionsSchema, settingsOf } from '../../packages/gateway/src/options.ts'
import { planSchema } from '../../packages/migration/src/plan-schema.ts'
import { anchorOf, type Section, tablesOf } from './page.ts'
import type { Schema } from './schema.ts'
import type { ObjectShape, Types } from './types.ts'

const MADE = `\`*\`: must be given. Patterns are regular expressions. Made by \`npm run reference\` from the types of \`definePlan\` and
the schema that plans are checked with, so an editor says the same.`

/** The pages, and what of a plan each is about; the first whose places are met has a section. */
const PAGES = [
  {
    file: 'plan-gateway.md',
    places: /^gateway/,
    head: `# The plan: the gateway

\`gateway\` of \`banyan.config.ts\`. ${MADE} The bounds of these are checked as the gateway starts;
[gateway.md](../gateway.md) says what each is for.`,
  },
  {
    file: 'plan-moves.md',
    places: /^extractions\[\]\.(tables|objects)/,
    head: `# The plan: tables and files

\`tables\` and \`objects\` of an extraction. ${MADE} How columns map: [mapping.md](../mapping.md).`,
  },
  {
    file: 'plan-extractions.md',
    places: /^extractions/,
    head: `# The plan: extractions

\`extractions\` of \`banyan.config.ts\`. ${MADE} What the words mean: [concepts.md](../concepts.md).`,
  },
  {
    file: 'plan.md',
    places: /^/,
    head: `# The plan

What \`banyan.config.ts\` exports. ${MADE}`,
  },
] as const

/** Types and meanings as `definePlan` has them, defaults and bounds as a plan is checked: by the name of the file. */
export function planPages(types: Types): Map<string, string> {
  const root = types.shape('packages/migration/src/plan.ts', 'Plan') as ObjectShape
  const sections = tablesOf(root, schemaOfPlan(), gatewayDefaults())
  const pageOf = ({ places }: Section) => PAGES.find((one) => one.places.test(places[0]!))!.file
  const homes = new Map(sections.map((one) => [anchorOf(one.title), pageOf(one)]))
  return new Map(
    PAGES.map(({ file, head }) => {
      const texts = sections.filter((one) => pageOf(one) === file).map(({ text }) => text)
      const linked = texts.join('\n').replace(/\]\(#([^)]+)\)/g, (link, anchor: string) => {
        const home = homes.get(anchor)
        return home === undefined || home === file ? link : `](${home}#${anchor})`
      })
      return [file, `${head}\n\n${linked}`]
    }),
  )
}

/** As a plan is checked, and its `gateway` by the gateway. */
function schemaOfPlan(): Schema {
  const plan = z.toJSONSchema(planSchema, { io: 'output', unrepresentable: 'any' }) as Schema
  const options = z.toJSONSchema(optionsSchema, { io: 'input', unrepresentable: 'any' }) as Schema
  const port = options.properties!.listen!.properties!.port!
  const gateway: Schema = { properties: { ...options.properties, port } }
  return { ...plan, properties: { ...plan.properties, gateway } }
}

/** What a gateway takes where the plan says nothing: numbers, by their path in a plan. */
function gatewayDefaults(): Map<string, string> {
  const {
    listen: _,
    admin: __,
    ...settings
  } = settingsOf({
    ...{ id: 'any', listen: { port: 0 }, admin: { port: 0, token: 'any' } },
    monolith: 'http://127.0.0.1',
    ...{ identityKey: 'sixteen characters', auth: { kind: 'none' } as const },
  })
  const found = Object.entries(settings).flatMap(([name, value]) =>
    Object.entries(typeof value === 'object' && value !== null ? value : {}).flatMap(
      ([key, one]) =>
        typeof one === 'number' ? [[`gateway.${name}.${key}`, one.toLocaleString('en-US')]] : [],
    ),
  )
  return new Map(found as [string, string][])
}
