import { Command } from 'commander'
import { databaseUrlOf } from '../database-url.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand } from '../failure.ts'
import { countedText } from '../init/config-text.ts'
import { readOpenApi } from '../init/openapi.ts'
import { type Proposal, type Proposed, propose } from '../init/proposals.ts'
import { survey } from '../init/survey.ts'
import { requireRoom, type Written, write } from '../init/write.ts'
import { nearest } from '../nearest.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { bytes, number, paint, wrap } from '../text.ts'

interface Given {
  readonly monolith: string
  readonly database?: string
  readonly openapi?: string
  readonly take?: string
  readonly seconds: string
}

export function initCommand(bind: Bind): Command {
  return new Command('init')
    .description('propose what can leave a monolith, and write a plan and a service to begin with')
    .requiredOption('--monolith <url>', 'base URL of the application')
    .option('--database <url>', 'its PostgreSQL database; DATABASE_URL by default. Only read')
    .option('--openapi <file>', 'its OpenAPI document (JSON or YAML), to match routes with tables')
    .option('--take <name>', 'the proposal to begin with; the first by default')
    .option('--seconds <n>', 'count writes so long, where the server does not say since when', '5')
    .action(bind(init))
}

async function init(session: Session, given: Given): Promise<ExitCode> {
  const { cwd } = session.terminal
  const monolith = baseUrl(given.monolith)
  const { href: databaseUrl } = databaseUrlOf(session, given.database)
  const seconds = secondsOf(given.seconds)
  await requireRoom(cwd)
  const paths = given.openapi === undefined ? null : await readOpenApi(given.openapi, cwd)
  const seen = await survey(databaseUrl, seconds)
  const proposed = propose(seen, paths)
  const first = taken(proposed, given.take)
  const { database, counted } = seen
  const written = await write(cwd, databaseUrl, { database, monolith, counted, proposed, first })
  if (session.json) session.printJson({ database, counted, ...proposed, take: first.name, written })
  else show(session, proposed, first, countedText(counted), written)
  return EXIT.ok
}

function taken({ proposals }: Proposed, name: string | undefined): Proposal {
  const names = proposals.map((one) => one.name)
  if (proposals.length === 0) {
    throw badCommand('the database has no table that could move', 'Is it the monolith’s database?')
  }
  const found = name === undefined ? proposals[0] : proposals.find((one) => one.name === name)
  if (found) return found
  const close = nearest(name!, names)
  throw badCommand(
    `--take is "${name}"; proposed are ${names.join(', ')}`,
    close ? `Did you mean "${close}"?` : 'Leave it out to begin with the first.',
  )
}

function baseUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search)
    return url.origin
  throw badCommand(
    `--monolith is "${given}"; allowed is a base URL such as http://127.0.0.1:3000`,
    'Give where the application answers, without a path.',
  )
}

function secondsOf(given: string): number {
  const seconds = Number(given)
  const MOST = 3_600
  if (given.trim() !== '' && seconds >= 0 && seconds <= MOST) return seconds
  throw badCommand(
    `--seconds is "${given}"; allowed are 0 to ${MOST}`,
    'With 0 nothing is waited for, and no rates are told.',
  )
}

function show(
  session: Session,
  { proposals, hubs, unmatched }: Proposed,
  first: Proposal,
  counted: string,
  written: Written,
): void {
  const { terminal } = session
  const width = Math.min(terminal.columns(), 120)
  for (const [i, one] of proposals.entries()) {
    const tables = one.tables.map((table) => table.name).join(', ')
    session.print(`${paint(terminal, 'bold', `${i + 1}. ${one.name}`)}  ${tables}`)
    for (const sentence of one.why) session.print(wrap(sentence, width, '   · ', '     '))
    const [rows, size] = [sum(one, 'rows'), sum(one, 'bytes')]
    session.print(`   · About ${number(rows)} rows, ${bytes(size)}.\n`)
  }
  for (const { table, referrers } of hubs) {
    session.print(`Stays: ${table.name}, which ${referrers} tables refer to.`)
  }
  if (unmatched.length > 0) session.print(`Routes of none of these: ${unmatched.join(', ')}.`)
  session.print(wrap(counted, width, ''))
  const [service, control] = written.databases
  session.print(`\nWritten: ${written.files.slice(0, 2).join(', ')}, ${written.service}/`)
  for (const what of written.leftOut) session.print(`Left out of its tables: ${what}`)
  session.print('Next:')
  for (const line of [
    `read banyan.config.ts, and correct it: routes, and how the gateway learns who is asking`,
    `CREATE DATABASE ${service}; CREATE DATABASE ${control};   (banyan.env says where)`,
    `write ${first.name}'s routes in ${written.service}, and start it on port ${written.port}`,
    'banyan doctor && banyan plan',
  ]) {
    session.print(`  ${line}`)
  }
}

function sum({ tables }: Proposal, what: 'rows' | 'bytes'): number {
  return tables.reduce((total, table) => total + table[what], 0)
}
