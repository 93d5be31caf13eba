import { BanyanError } from '@banyan/contracts'
import type { ControlClient, ControlStatus, LedgerEntry } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { statusView } from '../status-view.ts'
import { ledgerLine } from '../text.ts'

export function statusCommand(bind: Bind): Command {
  return new Command('status')
    .description('show where each extraction stands')
    .argument('[extraction]', 'all when left out')
    .option('--watch', 'go on showing it, with what is decided, until Ctrl-C')
    .action(bind(status))
}

async function status(
  session: Session,
  only: string | undefined,
  options: { watch?: boolean },
): Promise<ExitCode> {
  const control = await session.control()
  if (options.watch) return watch(session, control, only)
  const now = await control.status()
  checkKnown(now, only)
  if (!session.json) session.print(statusView(now, session.terminal, only))
  else if (only === undefined) session.printJson(now)
  else session.printJson(now.extractions.find((one) => one.extraction === only))
  return EXIT.ok
}

function checkKnown({ extractions }: ControlStatus, only: string | undefined): void {
  const names = extractions.map((one) => one.extraction)
  if (only === undefined || names.includes(only)) return
  throw new BanyanError('NO_SUCH_EXTRACTION', { given: only, known: names.join(', ') })
}

/** Newest decisions and steps under the table. */
const ENTRIES = 6

async function watch(
  session: Session,
  control: ControlClient,
  only: string | undefined,
): Promise<ExitCode> {
  const { terminal } = session
  const entries: LedgerEntry[] = []
  let shown: ControlStatus | null = null
  let checked = false
  const lost = (error: Error) =>
    terminal.err(
      session.json
        ? `${JSON.stringify({ event: 'lost', reason: error.message })}\n`
        : `connection lost, trying again (${error.message})\n`,
    )
  const draw = () => {
    if (!shown) return
    const lines = [statusView(shown, terminal, only), '', ...entries.map(ledgerLine)]
    if (terminal.outIsTty) {
      // Home, each line cleared to its end, then the rest of the screen: clearing all first flickers.
      const text = lines.join('\n').replaceAll('\n', '\u001b[K\n')
      terminal.out(`\u001b[H${text}\u001b[K\n\u001b[J`)
    } else session.print(`${lines.join('\n').trimEnd()}\n`)
  }
  if (terminal.outIsTty && !session.json) terminal.out('\u001b[2J')
  for await (const event of control.follow(terminal.ending, lost)) {
    if (event.event === 'status') {
      if (!checked) checkKnown(event.data, only)
      checked = true
      shown = event.data
    } else {
      if (only !== undefined && event.data.extraction !== only) continue
      entries.push(event.data)
      entries.splice(0, entries.length - ENTRIES)
    }
    if (session.json) session.printJson(event)
    else draw()
  }
  return EXIT.ok
}
