import type { Area, Case, Verdict } from './case.ts'

const HEAD = `# What the gateway is held to

Every request below is sent to the gateway as bytes, and every answer below is given by an upstream as bytes;
judged is what the upstreams really received, and what the client got. Made from \`scripts/gateway-security/cases\`
(\`npx vitest run scripts/gateway-security -u\` writes it anew); \`npm test\` runs all of it, and
\`npm run test:gateway-security\` shows the same table beside @fastify/http-proxy, nginx and HAProxy.
[Why, and the settings](gateway.md).
`

/** The table of cases as a page. */
export function documentOf(areas: readonly Area[]): string {
  const count = areas.reduce((sum, { cases }) => sum + cases.length, 0)
  return [HEAD, `${count} cases.`, '', ...areas.flatMap(section)].join('\n')
}

function section({ name, cases }: Area): string[] {
  return [
    `## ${name[0]!.toUpperCase()}${name.slice(1)}`,
    '',
    '| given | the gateway | because |',
    '|---|---|---|',
    ...cases.map(line),
    '',
  ]
}

function line({ name, expect, rule }: Case): string {
  return `| ${cell(name)} | ${cell(outcome(expect))} | ${cell(rule)} |`
}

function outcome(verdict: Verdict): string {
  switch (verdict.is) {
    case 'refused':
      return `refuses it: ${verdict.statuses.map(statusText).join(' or ')}`
    case 'forwarded':
      return verdict.requests.length === 1 ? 'passes it on, and no more' : 'passes each on'
    case 'cut off':
      return 'passes nothing whole on'
    case 'answered':
      return `answers ${verdict.status}`
    case 'answer cut off':
      return 'breaks the answer off'
  }
}

function statusText(status: number): string {
  return status === 0 ? 'closes the connection' : String(status)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
