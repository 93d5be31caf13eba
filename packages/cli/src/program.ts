import { Command, Option } from 'commander'
import { abandonCommand } from './commands/abandon.ts'
import { actionCommands } from './commands/actions.ts'
import { archiveCommand } from './commands/archive.ts'
import { completionCommand } from './commands/completion.ts'
import { consoleCommand } from './commands/console.ts'
import { dlqCommand } from './commands/dlq.ts'
import { doctorCommand } from './commands/doctor.ts'
import { dropCommand } from './commands/drop.ts'
import { gatewayCommand } from './commands/gateway.ts'
import { initCommand } from './commands/init.ts'
import { ledgerCommand } from './commands/ledger.ts'
import { newCommand } from './commands/new-service.ts'
import { planCommand } from './commands/plan.ts'
import { renderCommand } from './commands/render.ts'
import { restoreCommand } from './commands/restore.ts'
import { retireCommand } from './commands/retire.ts'
import { sagasCommand } from './commands/sagas.ts'
import { serveCommand } from './commands/serve.ts'
import { statusCommand } from './commands/status.ts'
import { throttleCommand } from './commands/throttle.ts'
import { tryCommand } from './commands/try.ts'
import { whyCommand } from './commands/why.ts'
import { EXAMPLES } from './examples.ts'
import type { ExitCode } from './exit.ts'
import { type GlobalOptions, Session } from './settings.ts'
import type { Terminal } from './terminal.ts'

/** What a command does; it answers the exit code. */
type Handler<Args extends unknown[] = unknown[]> = (
  session: Session,
  ...args: Args
) => Promise<ExitCode>

/** Hands a command's arguments to its handler, with the options of all levels. */
export type Bind = <Args extends unknown[]>(handler: Handler<Args>) => (...given: unknown[]) => void

const EPILOGUE = `
Exit codes: 0 ok · 1 the answer is no (a finding, a difference) · 2 usage or plan · 3 no control plane
answers · 4 refused in this state · 5 internal. More in docs/cli.md.`

export function buildProgram(terminal: Terminal, onExit: (code: ExitCode) => void): Command {
  const program = new Command('banyan')
    .description(
      'Moves a running HTTP + PostgreSQL monolith to services, one capability at a time.',
    )
    .version('0.1.0')
    .option('--config <path>', 'the plan; ./banyan.config.ts by default')
    .addOption(
      new Option(
        '--control <url>',
        'base URL of the control plane, over the plan’s; may be repeated',
      )
        .default([], 'the plan’s')
        .argParser((url, before: string[]) => [...before, url]),
    )
    .option('--json', 'answers and errors as JSON')
    .option('--yes', 'do not ask before what cannot be undone or moves users')
    .option('--why <text>', 'reason, for the ledger')
    .option('--by <name>', 'who asks, for the ledger; the OS user by default')
    .addHelpText('after', EPILOGUE)
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      // What commander would print is in the error it throws; `run` prints that once.
      writeErr: () => {},
      outputError: () => {},
    })
  const bind: Bind = (handler) =>
    async function action(this: unknown, ...given: unknown[]) {
      const command = given.at(-1) as Command
      const session = new Session(command.optsWithGlobals<GlobalOptions>(), terminal)
      // Before the command itself, commander hands over its own options.
      onExit(await handler(session, ...(given.slice(0, -1) as never)))
    }
  for (const command of [
    initCommand(bind),
    doctorCommand(bind),
    planCommand(bind),
    statusCommand(bind),
    whyCommand(bind),
    ...actionCommands(bind),
    throttleCommand(bind),
    abandonCommand(bind),
    archiveCommand(bind),
    restoreCommand(bind),
    dropCommand(bind),
    retireCommand(bind),
    ledgerCommand(bind),
    serveCommand(bind),
    consoleCommand(bind),
    gatewayCommand(bind),
    renderCommand(bind),
    newCommand(bind),
    tryCommand(bind),
    dlqCommand(bind),
    sagasCommand(bind),
    completionCommand(bind, () => program),
  ]) {
    program.addCommand(inheriting(command, program))
  }
  return program
}

/** Gives a command what all have, and those below it. */
function inheriting(command: Command, parent: Command, path = command.name()): Command {
  command.copyInheritedSettings(parent)
  const examples = EXAMPLES[path]
  if (examples) {
    const lines = examples.map((line) => `\n  banyan ${line}`)
    command.addHelpText('after', `\n${lines.length > 1 ? 'Examples' : 'Example'}:${lines.join('')}`)
  }
  for (const below of command.commands) inheriting(below, command, `${path} ${below.name()}`)
  return command
}
