import { startEngine } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { CommandError } from '../failure.ts'
import { type LogLevel, logLevelOption, portOf, processSettings } from '../listening.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

/** An engine that has not ended so long after it was asked to is ended, ms. */
const SHUTDOWN_MS = 30_000

export function serveCommand(bind: Bind): Command {
  return new Command('serve')
    .description('run an engine, the control API and the console until it is asked to end')
    .option('--port <port>', 'over the plan’s; 0 takes a free one')
    .option('--id <name>', 'shown in status; host and process by default')
    .addOption(logLevelOption())
    .action(bind(serve))
}

async function serve(
  session: Session,
  options: { port?: string; id?: string; logLevel: LogLevel },
): Promise<ExitCode> {
  const port = portOf('--port', options.port)
  const plan = await session.plan()
  // The other commands do without what this loads.
  const [{ createLog }, { mountConsole }] = await Promise.all([
    import('@banyan/service/http'),
    import('@banyan/console'),
  ])
  const settings = await processSettings('serve', session)
  // Standard output carries the one line that says where it listens.
  const log = createLog('engine', options.logLevel)
  const engine = await startEngine(plan, {
    log,
    tracesUrl: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
    drainMs: settings.DRAIN_DELAY_MS,
    console: mountConsole,
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(port === undefined ? {} : { port }),
  }).catch((error: Error & { code?: string }) => {
    throw startError(error)
  })
  session.printJson({ event: 'listening', port: engine.port, url: engine.url })
  await session.ended()
  const late = new Promise<'late'>((resolve) => {
    setTimeout(resolve, SHUTDOWN_MS + settings.DRAIN_DELAY_MS, 'late').unref()
  })
  if ((await Promise.race([engine.close(), late])) !== 'late') return EXIT.ok
  log.fatal(`not stopped within ${SHUTDOWN_MS} ms`)
  return EXIT.internal
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
