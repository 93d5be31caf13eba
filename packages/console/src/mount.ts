import { fileURLToPath } from 'node:url'
import type { ConsoleParts, Identify } from '@banyan/migration'
import { migrate } from '@banyan/postgres'
import { answerPage } from './page.ts'
import { Sessions } from './sessions.ts'
import { answerSignIn } from './sign-in.ts'

const SQL_FOLDER = fileURLToPath(new URL('../sql', import.meta.url))

/**
 * Adds the console to an engine: `startEngine(plan, { log, console: mountConsole })`. The page is bundled when
 * somebody first asks for it.
 */
export async function mountConsole({ app, control, plan }: ConsoleParts): Promise<Identify> {
  await migrate(control, 'banyan_console', SQL_FOLDER)
  const { token, viewerToken } = plan.control
  const sessions = new Sessions(control, [token, viewerToken ?? ''])
  answerPage(app)
  return answerSignIn(app, sessions, plan.control)
}
