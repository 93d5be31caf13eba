import { resolve } from 'node:path'
import { restoreArchive } from '@banyan/migration'
import { Command } from 'commander'
import { databaseUrlOf } from '../database-url.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { number } from '../text.ts'

export function restoreCommand(bind: Bind): Command {
  return new Command('restore')
    .description('make the tables of an archive anew, with rows, keys, indexes and triggers')
    .argument('<archive>', 'the folder')
    .option('--database <url>', 'where to; DATABASE_URL by default')
    .action(bind(restore))
}

async function restore(
  session: Session,
  folder: string,
  { database }: { database?: string },
): Promise<ExitCode> {
  const url = databaseUrlOf(session, database)
  const restored = await restoreArchive(resolve(session.terminal.cwd, folder), url.href)
  if (session.json) session.printJson(restored)
  else {
    for (const { table, rows } of restored.tables) session.print(`${table}: ${number(rows)} rows`)
    for (const { what, missing } of restored.skipped) {
      session.print(`not made: ${what} (there is no ${missing.join(', ')})`)
    }
    session.print(`restored into ${url.host}${url.pathname}, equal to the archive`)
  }
  return EXIT.ok
}
