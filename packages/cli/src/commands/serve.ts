import { startEngine } from '@banyan/migration'
import { Command } from 'commander'
import { pino } from 'pino'
import { EXIT, type ExitCode } from '../exit.ts'
import { CommandError } from '../failure.ts'
import { logLevelOption, portOf } from '../listening.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

export function serveCommand(bind: Bind): Command {
  return new Command('serve')
    .description('run an engine and the control API until it is asked to end')
    .option('--port <port>', 'over the plan’s; 0 takes a free one')
    .option('--id <name>', 'shown in status; host and process by default')
    .addOption(logLevelOption())
    .action(bind(serve))
}

async function serve(
  session: Session,
  options: { port?: string; id?: string; logLevel: string },
): Promise<ExitCode> {
  const port = portOf('--port', options.port)
  const plan = await session.plan()
  // Standard output carries the one line that says where it listens.
  const log = pino({ name: 'engine', level: options.logLevel }, pino.destination(2))
  const engine = await startEngine(plan, {
    log,
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(port === undefined ? {} : { port }),
  }).catch((error: Error & { code?: string }) => {
    throw startError(error)
  })
  session.printJson({ event: 'listening', port: engine.port, url: engine.url })
  await session.ended()
  await engine.close()
  return EXIT.ok
}

function startError(error: Error & { code?: string; port?: number; syscall?: string }): Error {
  if (error.code === 'EADDRINUSE') {
    return new CommandError(
      'CONTROL_FAILED',
      { reason: `port ${error.port} is taken` },
      'Another engine runs there already, or give a free port: banyan serve --port 0.',
    )
  }
  if (error.syscall === 'connect' || /^(08|28|3D|57P)/.test(error.code ?? '')) {
    return new CommandError(
      'CONTROL_FAILED',
      { reason: `control.databaseUrl of the plan: ${error.message || error.code}` },
      'Start that database or correct the URL; "banyan doctor" checks every address.',
    )
  }
  return error
}
