import { Argument, Command } from 'commander'
import { offersOf } from '../completion/offers.ts'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

/** A key was pressed: who waits for names has not long, ms. */
const PATIENCE_MS = 1_000

/** @param all the whole command, with everything that can be completed */
export function completionCommand(bind: Bind, all: () => Command): Command {
  return new Command('completion')
    .description('print a script that completes commands, options and names in a shell')
    .addArgument(
      new Argument('<shell>', 'whose; "names" prints extractions').choices([...SHELLS, 'names']),
    )
    .action(
      bind(async (session: Session, wanted: Shell | 'names'): Promise<ExitCode> => {
        if (wanted !== 'names') session.print(completionScript(wanted, offersOf(all())).trimEnd())
        else for (const name of await namesOf(session)) session.print(name)
        return EXIT.ok
      }),
    )
}

/** From the plan, which costs nothing, or the control plane that was named; none where neither says. */
async function namesOf(session: Session): Promise<readonly string[]> {
  try {
    if (session.options.control.length === 0) {
      return (await session.plan()).extractions.map(({ name }) => name)
    }
    const late = new Promise<never>((_, refuse) => setTimeout(refuse, PATIENCE_MS).unref())
    return await Promise.race([namesAt(await session.control()), late])
  } catch {
    // Who completes a word is no place for errors.
    return []
  }
}
