import { ROLES, type Role } from '@banyan/migration'
import { Command, Option } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'

export function consoleCommand(bind: Bind): Command {
  return new Command('console')
    .description('print the console’s address, which signs a browser in, once, within 15 minutes')
    .addOption(
      new Option('--role <role>', 'a viewer only watches').choices(ROLES).default('operator'),
    )
    .action(bind(printLink))
}

async function printLink(session: Session, { role }: { role: Role }): Promise<ExitCode> {
  const [control, [base]] = await Promise.all([session.control(), session.controlUrls()])
  const { path, seconds } = await control.signInLink(session.by(), role)
  const url = new URL(path, base).href
  if (session.json) session.printJson({ url, seconds })
  else session.print(url)
  return EXIT.ok
}
