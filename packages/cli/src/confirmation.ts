import { badCommand } from './failure.ts'
import type { Session } from './settings.ts'

/** What is asked before something that cannot be undone, or that moves users. */
export interface Confirmation {
  /** The command's words, without options: `rollback wishes`. */
  readonly command: string
  /** What to be sure of; looked up only when a person is asked. */
  readonly sure: () => Promise<string> | string
}

/**
 * Goes on when a person says yes, or `--yes` is given.
 *
 * @throws CommandError BAD_COMMAND when nobody can be asked, or the answer is no.
 */
export async function confirm(session: Session, { command, sure }: Confirmation): Promise<void> {
  if (session.options.yes) return
  const { ask } = session.terminal
  const [action] = command.split(' ', 1)
  if (!ask || session.json) {
    throw badCommand(
      `${action} asks before it acts, and there is no terminal to ask on`,
      `If you are sure: banyan ${command} --yes`,
    )
  }
  const answer = await ask(`${await sure()}\n${command}? [y/N] `)
  if (/^y(es)?$/i.test(answer.trim())) return
  throw badCommand(`${action} was not confirmed; nothing was done`, 'Answer y, or give --yes.')
}
