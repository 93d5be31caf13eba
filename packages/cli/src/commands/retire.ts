import { Command } from 'commander'
import { confirm } from '../confirmation.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

export function retireCommand(bind: Bind): Command {
  return new Command('retire')
    .description(
      'the gateways send nothing to the monolith any more; all extractions are completed',
    )
    .option('--undo', 'they send to it again')
    .action(bind(retire))
}

async function retire(session: Session, { undo }: { undo?: boolean }): Promise<ExitCode> {
  const control = await session.control()
  if (!undo) {
    await confirm(session, {
      command: 'retire',
      sure: () =>
        'Paths that no extraction of the plan has as a route are answered 404 from then on.',
    })
  }
  const { why } = session.options
  const done = await control.retire({
    by: session.by(),
    ...(undo ? { undo } : {}),
    ...(why === undefined ? {} : { why }),
  })
  if (session.json) session.printJson(done)
  else {
    session.print(
      done.retired
        ? 'The gateways send nothing to the monolith any more. Undone by: banyan retire --undo'
        : 'The gateways send to the monolith what matches no route.',
    )
    if (done.behind) session.print(`Not yet, but with its next renewal: ${done.behind}`)
  }
  return EXIT.ok
}
