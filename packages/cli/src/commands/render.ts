import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { RouteTable } from '@banyan/contracts'
import { renderGatewayApi, renderHaproxy, renderKong, settingsOf } from '@banyan/gateway'
import { type Plan, targetsOf } from '@banyan/migration'
import { Argument, Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { gatewayOptions } from './gateway.ts'

interface Options {
  readonly to?: string
  readonly gateway: string
  readonly namespace?: string
}

const DATA_PLANES = ['kong', 'gateway-api', 'haproxy'] as const

export function renderCommand(bind: Bind): Command {
  return new Command('render')
    .description('print the route table as it stands now as another data plane’s configuration')
    .addArgument(new Argument('<data plane>', 'whose').choices(DATA_PLANES))
    .option('--to <folder>', 'write files there, in place of printing them')
    .option('--gateway <name>', 'of gateway-api: the Gateway that the routes attach to', 'banyan')
    .option('--namespace <name>', 'of gateway-api: where the routes are')
    .action(bind(render))
}

async function render(
  session: Session,
  dataPlane: (typeof DATA_PLANES)[number],
  options: Options,
): Promise<ExitCode> {
  const plan = await session.plan()
  const control = await session.control()
  const nothing: RouteTable = {
    ...{ token: 0, version: 0, extractions: [] },
    monolith: plan.monolith.url,
  }
  const table = (await control.routeTable()) ?? nothing
  const folder = options.to === undefined ? null : resolve(session.terminal.cwd, options.to)
  const files = await filesOf(session, dataPlane, options, { plan, table, folder })
  if (folder === null) {
    if (session.json) session.printJson(files)
    else {
      const named = Object.keys(files).length > 1
      for (const [name, text] of Object.entries(files)) {
        session.print(`${named ? `### ${name}\n` : ''}${text.trimEnd()}`)
      }
    }
    return EXIT.ok
  }
  // Addresses and paths of a system are not everybody's.
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const written = Object.keys(files).map((name) => join(folder, name))
  if (session.json) session.printJson({ written })
  else session.print(written.join('\n'))
  return EXIT.ok
}

async function filesOf(
  session: Session,
  dataPlane: (typeof DATA_PLANES)[number],
  { gateway, namespace }: Options,
  { plan, table, folder }: { plan: Plan; table: RouteTable; folder: string | null },
): Promise<Readonly<Record<string, string>>> {
  const input = { table, auth: plan.gateway.auth }
  if (dataPlane === 'kong') return { 'kong.yaml': renderKong(input) }
  if (dataPlane === 'gateway-api') {
    const options = { gateway, ...(namespace === undefined ? {} : { namespace }) }
    return { 'http-routes.yaml': renderGatewayApi(input, options) }
  }
  const settings = settingsOf(await gatewayOptions(session, {}))
  return renderHaproxy(
    {
      ...settings,
      folder: folder ?? '/etc/haproxy/banyan',
      targets: targetsOf(plan),
      held: settings.hold.requests,
    },
    table,
  )
}
