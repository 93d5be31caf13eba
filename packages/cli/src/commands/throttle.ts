import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand } from '../failure.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { throttleText } from '../status-view.ts'

interface Options {
  readonly rowsPerSecond?: string
  readonly off?: boolean
  readonly pauseCopy?: boolean
}

export function throttleCommand(bind: Bind): Command {
  return new Command('throttle')
    .description('limit the copy while it runs, or before it begins; stays over a restart')
    .argument('[extraction]', 'may be left out when there is one')
    .option('--rows-per-second <n>', 'rows copied a second at most, above 0')
    .option('--pause-copy', 'the copy stands still; the streams go on')
    .option('--off', 'as the plan says')
    .action(bind(throttle))
}

async function throttle(
  session: Session,
  given: string | undefined,
  options: Options,
): Promise<ExitCode> {
  const rowsPerSecond = limitOf(options)
  const control = await session.control()
  const extraction = await session.extraction(given, () => namesAt(control))
  const { why } = session.options
  const status = await control.act(extraction, 'throttle', {
    rowsPerSecond,
    by: session.by(),
    ...(why === undefined ? {} : { why }),
  })
  if (session.json) session.printJson(status)
  else {
    const decided = rowsPerSecond === null ? 'as the plan says' : throttleText(rowsPerSecond)
    session.print(`${extraction}: throttle decided: ${decided}`)
    session.print(`See what limits it now: banyan why ${extraction}`)
  }
  return EXIT.ok
}

function limitOf({ rowsPerSecond, off, pauseCopy }: Options): number | null {
  const given = [rowsPerSecond !== undefined, off, pauseCopy].filter(Boolean).length
  const next = 'For example: banyan throttle --rows-per-second 5000.'
  if (given !== 1) {
    throw badCommand(
      `${given === 0 ? 'none' : 'several'} of --rows-per-second, --pause-copy and --off given; one is needed`,
      next,
    )
  }
  if (off) return null
  if (pauseCopy) return 0
  const value = Number(rowsPerSecond)
  if (value > 0 && Number.isFinite(value)) return value
  throw badCommand(
    `--rows-per-second is "${rowsPerSecond}"; allowed is a number above 0`,
    value === 0 ? 'To let it stand still: --pause-copy.' : next,
  )
}
