import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

export function whyCommand(bind: Bind): Command {
  return new Command('why')
    .description('say what the next step waits for')
    .argument('[extraction]', 'may be left out when there is one')
    .action(bind(why))
}

async function why(session: Session, given: string | undefined): Promise<ExitCode> {
  const control = await session.control()
  const extraction = await session.extraction(given, () => namesAt(control))
  const { phase, paused, pausedWhy } = await control.extraction(extraction)
  const { waitsFor } = await control.why(extraction)
  if (session.json) {
    session.printJson({ extraction, phase, paused, pausedWhy, waitsFor })
    return EXIT.ok
  }
  if (waitsFor.length === 0) {
    session.print(`${extraction} is ${phase} and waits for nothing${atRest(phase, extraction)}`)
    return EXIT.ok
  }
  session.print(`${extraction} is ${paused ? `${phase}, paused` : phase}, and waits for`)
  for (const one of waitsFor) session.print(`  · ${one}`)
  return EXIT.ok
}

function atRest(phase: string, extraction: string): string {
  if (phase === 'planned' || phase === 'cancelled') return `; to begin: banyan start ${extraction}`
  return '.'
}
