import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { BanyanError } from '@banyan/contracts'
import { scriptTables } from '@banyan/migration'
import { badCommand } from '../failure.ts'
import { type Names, namesFrom } from '../new-service/names.ts'
import { checkEmpty, folderFor, portFor } from '../new-service/place.ts'
import { readTemplate, renamed, type TemplateFile } from '../new-service/template.ts'
import { format, writeFiles } from '../new-service/write.ts'
import { configText, databaseVariable, ENV_FILE, type PlanParts } from './config-text.ts'
import type { Proposal } from './proposals.ts'

const PLAN_FILE = 'banyan.config.ts'

export interface Written {
  /** Below the folder. */
  readonly files: readonly string[]
  /** Of the service, below the folder. */
  readonly service: string
  readonly port: number
  /** Databases that have to be made, on the monolith's server. */
  readonly databases: readonly string[]
  /** What the service's tables lack of the monolith's, in words. */
  readonly leftOut: readonly string[]
}

/** @throws CommandError BAD_COMMAND when one of the files is there; nothing is written over */
export async function requireRoom(folder: string): Promise<void> {
  for (const file of [PLAN_FILE, ENV_FILE]) {
    if (await stat(join(folder, file)).catch(() => null)) {
      throw badCommand(
        `${file} is here already; nothing is written over`,
        'Run it in another folder, and take from there what you want.',
      )
    }
  }
}

/** Writes the plan, its secrets, and a service for its first extraction with the monolith's tables. */
export async function write(
  folder: string,
  databaseUrl: string,
  parts: Omit<PlanParts, 'port'>,
): Promise<Written> {
  const { first } = parts
  const template = await readTemplate()
  const names = namesOf(first, template)
  const service = await folderFor(
    names.service,
    { folder: join('services', names.service) },
    folder,
  )
  await checkEmpty(service, folder)
  const port = await portFor(service, undefined)
  const tables = await tableFile(databaseUrl, first)
  const control = `${first.name}` === 'banyan' ? 'banyan_control' : 'banyan'
  const own = names.service.replaceAll('-', '_')
  const env = envText(databaseUrl, databaseVariable(first), own, control)
  await writeFiles(folder, [{ path: ENV_FILE, text: env }], 0o600)
  await writeFiles(folder, [{ path: PLAN_FILE, text: configText({ ...parts, port }) }])
  const files = [...renamed(template, names, port), tables.file]
  await writeFiles(service, files)
  await format(service)
  const below = relative(folder, service)
  return {
    files: [PLAN_FILE, ENV_FILE, ...files.map(({ path }) => join(below, path))],
    service: below,
    port,
    databases: [own, control],
    leftOut: tables.leftOut,
  }
}

/** What a service may not be called is a service of such records. */
function namesOf({ name }: Proposal, template: Awaited<ReturnType<typeof readTemplate>>): Names {
  const tries = [
    { name },
    { name, thing: 'example' },
    { name: `${name}-records`, thing: 'example' },
  ]
  for (const given of tries) {
    try {
      return namesFrom(given, template)
    } catch (error) {
      if (given === tries.at(-1)) throw error
    }
  }
  throw new Error('unreachable')
}

async function tableFile(
  databaseUrl: string,
  { tables }: Proposal,
): Promise<{ file: TemplateFile; leftOut: readonly string[] }> {
  const names = tables.map(({ name }) => name)
  const path = 'migrations/0002_tables_of_the_monolith.sql'
  try {
    const { sql, leftOut, requires } = await scriptTables(databaseUrl, names)
    const notes = [
      'The tables that move, as the monolith has them. Made by "banyan init"; yours to change from now on.',
      ...requires.map((name) => `Needs the type ${name}, which has to be made first.`),
      ...leftOut.map((what) => `Left out: ${what.replace(/\s+/g, ' ')}`),
    ]
    return {
      file: { path, text: `${notes.map((one) => `-- ${one}\n`).join('')}\n${sql}` },
      leftOut,
    }
  } catch (error) {
    if (!(error instanceof BanyanError)) throw error
    const what = `${names.join(', ')}: ${error.message}`
    return {
      file: { path, text: `-- To be written by hand. ${what.replace(/\s+/g, ' ')}\n` },
      leftOut: [what],
    }
  }
}

function envText(databaseUrl: string, variable: string, service: string, control: string): string {
  const beside = (name: string) => {
    const url = new URL(databaseUrl)
    url.pathname = `/${name}`
    return url.href
  }
  const secret = () => randomBytes(24).toString('base64url')
  return `# Settings of ${PLAN_FILE}: passwords and keys. Not for a repository.
MONOLITH_DATABASE_URL=${databaseUrl}
# Databases to be made: the service's (on any server with wal_level = logical), and the control plane's.
${variable}=${beside(service)}
BANYAN_DATABASE_URL=${beside(control)}
# Operators and gateways show this one to the control plane; services check identities with the other.
BANYAN_CONTROL_TOKEN=${secret()}
BANYAN_IDENTITY_KEY=${secret()}
`
}
