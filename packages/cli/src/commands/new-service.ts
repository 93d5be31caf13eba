import { relative } from 'node:path'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { type Names, namesFrom } from '../new-service/names.ts'
import { checkEmpty, folderFor, portFor } from '../new-service/place.ts'
import { readTemplate, renamed } from '../new-service/template.ts'
import { format, missingPackages, testRootOf, writeFiles } from '../new-service/write.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

interface Given {
  readonly thing?: string
  readonly things?: string
  readonly folder?: string
  readonly port?: string
}

export function newCommand(bind: Bind): Command {
  const service = new Command('service')
    .description('make a folder with a service that works and is tested as it stands')
    .argument('<name>', 'small letters, digits and dashes, e.g. price-alerts')
    .option('--thing <noun>', 'what it keeps, singular; NAME, or its singular, when left out')
    .option('--things <nouns>', 'the plural, where adding "s" is not it')
    .option('--folder <path>', 'empty, or not there yet; services/NAME beside the plan by default')
    .option('--port <number>', 'the next that is free, from 9100, when left out')
    .action(bind(newService))
  return new Command('new').description('make what there was not: a service').addCommand(service)
}

async function newService(session: Session, name: string, given: Given): Promise<ExitCode> {
  const { cwd } = session.terminal
  const template = await readTemplate()
  const names = namesFrom({ ...given, name }, template)
  const { config } = session.options
  const where = { ...given, ...(config === undefined ? {} : { config }) }
  const folder = await folderFor(names.service, where, cwd)
  await checkEmpty(folder, cwd)
  const port = await portFor(folder, given.port)
  const files = renamed(template, names, port)
  await writeFiles(folder, files)
  const formatted = await format(folder)
  const missing = await missingPackages(folder, files)
  const shown = relative(cwd, folder) || '.'
  const made = {
    ...names,
    port,
    folder,
    files: files.map(({ path }) => path),
    missing,
    formatted,
    next: [await testCommand(folder, cwd), 'npx tsc --noEmit', `npx banyan try ${shown}`],
  }
  if (session.json) session.printJson(made)
  else show(session, shown, made)
  return EXIT.ok
}

interface Made extends Names {
  readonly port: number
  readonly files: readonly string[]
  readonly missing: readonly string[]
  readonly formatted: boolean
  readonly next: readonly string[]
}

/** Vitest finds its settings in the folder it runs in, and its files from there. */
async function testCommand(folder: string, cwd: string): Promise<string> {
  const root = (await testRootOf(folder)) ?? cwd
  const at = relative(cwd, root)
  return `npx vitest run ${at === '' ? '' : `--root ${at} `}${relative(root, folder) || '.'}`
}

/** What each file is, in the order in which they are best read. */
const ABOUT: readonly (readonly [path: string, about: string])[] = [
  ['service.ts', 'the definition'],
  ['schema.ts', 'what it keeps; migrations/ beside it'],
  ['NAME.ts', 'the rules, as plain functions over the schema'],
  ['client.ts', 'how it is called: its routes, described once'],
  ['routes.ts', 'what it answers'],
  ['events.ts', 'what it says'],
  ['reactions.ts', 'what it hears'],
  ['NAME.test.ts', 'what it promises'],
]

function show(session: Session, folder: string, made: Made): void {
  const { service, thing, things, port, files, missing, formatted, next } = made
  session.print(`Made ${folder} (${files.length} files): service "${service}" on port ${port}`)
  session.print(`It keeps ${things}, each of them a matter of its owner; one is called "${thing}".`)
  session.print('')
  for (const [path, about] of ABOUT) {
    session.print(`  ${path.replace('NAME', service).padEnd(service.length + 9)}  ${about}`)
  }
  session.print('')
  if (missing.length > 0) {
    session.print(`No package.json above it names ${missing.join(', ')}: add them first.`)
  }
  if (!formatted) session.print(`Biome objects to it; what, says "npx biome check ${folder}".`)
  session.print('Next:')
  for (const command of next) session.print(`  ${command}`)
}
