import { previewSteps, resolvePlan } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { paint, wrap } from '../text.ts'

export function planCommand(bind: Bind): Command {
  return new Command('plan')
    .description('print the steps that an extraction will take, and the way back from each')
    .argument('[extraction]', 'all of the plan when left out')
    .action(bind(plan))
}

async function plan(session: Session, given: string | undefined): Promise<ExitCode> {
  const loaded = await session.plan()
  const names = given === undefined ? resolvePlan(loaded).map((one) => one.name) : [given]
  const all = []
  for (const extraction of names) {
    all.push({ extraction, steps: await previewSteps(loaded, extraction) })
  }
  if (session.json) {
    session.printJson({ extractions: all })
    return EXIT.ok
  }
  const { terminal } = session
  const width = Math.min(terminal.columns(), 120)
  for (const { extraction, steps } of all) {
    session.print(`${paint(terminal, 'bold', extraction)}: ${steps.length - 1} steps\n`)
    for (const [i, { step, does }] of steps.entries()) {
      const last = i === steps.length - 1
      session.print(paint(terminal, 'bold', `${last ? '-' : `${i + 1}.`} ${step}`))
      for (const line of does) session.print(wrap(line, width, '   · ', '     '))
    }
    session.print('')
  }
  return EXIT.ok
}
