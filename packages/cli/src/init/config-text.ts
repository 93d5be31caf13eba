import { wrap } from '../text.ts'
import type { Proposal, Proposed } from './proposals.ts'
import type { Counted } from './survey.ts'

/** What a plan is written from. */
export interface PlanParts {
  readonly database: string
  /** Base URL of the monolith. */
  readonly monolith: string
  readonly counted: Counted
  readonly proposed: Proposed
  /** The proposal that the plan begins with. */
  readonly first: Proposal
  readonly port: number
}

export const ENV_FILE = 'banyan.env'

/** `banyan.config.ts`: the first proposal as it can be run, the others beside it as comments, all with their reasons. */
export function configText(parts: PlanParts): string {
  const { database, monolith, proposed, first, port } = parts
  const others = proposed.proposals.filter((one) => one !== first)
  return `import { existsSync } from 'node:fs'
import { definePlan } from 'banyan'

// The plan of the move, proposed by "banyan init" from what the database "${database}" says of itself.
// Read it as a first draft of somebody who has seen the tables and not the code: correct what is wrong,
// then let "banyan doctor" look at it, and "banyan plan" print what would be done.
//
// ${countedText(parts.counted)}

// Addresses with passwords, and secrets, stand in ${ENV_FILE} beside this file, which is for nobody else to
// read and not for a repository. What the environment says goes before it.
const file = new URL('${ENV_FILE}', import.meta.url)
if (existsSync(file)) process.loadEnvFile(file)

function need(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(\`\${name} is not set: it belongs into ${ENV_FILE} or the environment\`)
  return value
}

export default definePlan({
  // Where phases and the ledger are kept: a database of its own, on any server.
  control: {
    databaseUrl: need('BANYAN_DATABASE_URL'),
    token: need('BANYAN_CONTROL_TOKEN'),
  },
  monolith: {
    url: ${quote(monolith)},
    databaseUrl: need('MONOLITH_DATABASE_URL'),
  },
  // Clients connect here instead of to the monolith; what matches no route below passes untouched.
  gateway: {
    port: 9000,
    // Services believe who is asking by what the gateway signs with this key.
    identityKey: need('BANYAN_IDENTITY_KEY'),
    // How the gateway learns who is asking. This believes a header, which is right only behind something that sets
    // it and lets no client set it. Others:
    //   { kind: 'jwks', url: 'https://…/jwks.json', issuer: 'https://…', audience: '…' }
    //   { kind: 'secret', secret: need('TOKEN_SECRET') }                                  (HS256 tokens)
    //   { kind: 'session', cookie: 'sid', databaseUrl: need('MONOLITH_DATABASE_URL'),
    //     query: 'SELECT user_id FROM public.sessions WHERE token = $1' }
    auth: { kind: 'header', name: 'x-user-id' },
  },
  extractions: [
${extractionText(first, port, CONDITIONS)}
  ],
})
${others.map((one, i) => otherText(one, i + 2)).join('')}${staysText(proposed)}`
}

/** `NAME_DATABASE_URL`. */
export function databaseVariable({ name }: Proposal): string {
  return `${name.replaceAll('-', '_').toUpperCase()}_DATABASE_URL`
}

function extractionText(proposal: Proposal, port: number, conditions = ''): string {
  const { name, tables, routes, documented, why } = proposal
  const routeLines = routes.map(({ methods, path, owner }) => {
    const whose = owner === null ? '' : `, owner: { from: 'path', name: ${quote(owner)} }`
    const all = tables.every((table) => table.owner === null) ? ", owner: { from: 'whole' }" : whose
    return `        { methods: [${methods.map(quote).join(', ')}], path: ${quote(path)}${all} },`
  })
  const tableLines = tables.map(
    (table) =>
      `        { source: ${quote(table.name)}, target: ${quote(table.name)}, owner: ${ownerText(table.owner)} },`,
  )
  return `    {
${why.map((sentence) => comment(sentence, '      ')).join('\n')}
      name: ${quote(name)},
      service: {
        url: 'http://127.0.0.1:${port}',
        databaseUrl: need('${databaseVariable(proposal)}'),
      },
      // ${documented ? 'As the OpenAPI document has them.' : "GUESSED from the table's name: no OpenAPI document says which they are. Write here what the monolith answers."}
      // "owner" says whose row a request is about, where that is not the one who asks; methods: [] is any.
      routes: [
${routeLines.join('\n')}
      ],
      // Under the names and columns of the monolith. To rename or change them on the way: docs/mapping.md.
      tables: [
${tableLines.join('\n')}
      ],
${conditions}    },`
}

const CONDITIONS = `      // A hundredth of the users first; a step goes on by itself when its gates hold, or with next: 'manual' by
      // "banyan promote".
      steps: [
        { percent: 1, seconds: 300 },
        { percent: 10, seconds: 300 },
        { percent: 50, seconds: 300 },
        { percent: 100, seconds: 300, next: 'manual' },
      ],
      // Beyond these the users go back: share of failed answers, p95 over the monolith's, differing answers.
      gates: { errorRate: 0.01, latencyRatio: 2, shadowDifference: 0.001, minimumRequests: 50 },
`

function otherText(proposal: Proposal, place: number): string {
  const body = extractionText(proposal, 9_000 + place * 100)
  return `
// ${place}. ${proposal.name}: once the one before it is completed. Its service: banyan new service ${proposal.name}
${body.replace(/^/gm, '// ')}
`
}

function staysText({ hubs, bookkeeping, unmatched }: Proposed): string {
  const lines = [
    ...hubs.map(
      ({ table, referrers }) =>
        `${table.name}: ${referrers} tables refer to it; what is told by so many moves last, or never.`,
    ),
    ...bookkeeping.map((name) => `${name}: what a tool keeps for itself.`),
  ]
  const stays =
    lines.length > 0
      ? `\n// Stays in the monolith:\n${lines.map((one) => comment(one, '', '  ')).join('\n')}\n`
      : ''
  if (unmatched.length === 0) return stays
  return `${stays}\n// Routes of the document that speak of none of these:\n${unmatched.map((path) => `//   ${path}`).join('\n')}\n`
}

export function countedText(counted: Counted): string {
  switch (counted.since) {
    case 'reset':
      return `Writes are counted since ${counted.at}, when the server's statistics were reset.`
    case 'look':
      return `Shares of writes are of all that the server has counted; rates were taken over ${counted.seconds} s just now, which says little of a day.`
    case 'unknown':
      return 'Shares of writes are of all that the server has counted, nobody knows since when; so there are no rates.'
  }
}

function ownerText(owner: Proposal['tables'][number]['owner']): string {
  if (owner === null) return 'null'
  if (typeof owner === 'string') return quote(owner)
  const { through, parent } = owner
  const columns =
    typeof through === 'string' ? quote(through) : `[${through.map(quote).join(', ')}]`
  return `{ through: ${columns}, parent: ${quote(parent)} }`
}

/** Broken into lines; a line end in a name must not end the comment. */
function comment(text: string, indent: string, inner = ''): string {
  return wrap(text.replace(/\s+/g, ' '), 110, `${indent}// ${inner}`)
}

function quote(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${escaped}'`
}
