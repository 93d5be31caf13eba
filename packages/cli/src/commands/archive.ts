import { resolve } from 'node:path'
import { movedTables, resolveExtraction, sealOf, writeArchive } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { number } from '../text.ts'
import { requireCompleted } from './drop.ts'

export function archiveCommand(bind: Bind): Command {
  return new Command('archive')
    .description(
      'write the monolith’s old tables of a completed extraction into a folder, and read them back',
    )
    .argument('[extraction]', 'may be left out when there is one')
    .requiredOption('--to <folder>', 'new, or empty; others must not be able to read it')
    .action(bind(archive))
}

async function archive(
  session: Session,
  given: string | undefined,
  { to }: { to: string },
): Promise<ExitCode> {
  const control = await session.control()
  const extraction = await session.extraction(given, () => namesAt(control))
  requireCompleted(await control.extraction(extraction), 'archive')
  const plan = await session.plan()
  const written = await writeArchive({
    plan: movedTables(resolveExtraction(plan, extraction)),
    databaseUrl: plan.monolith.databaseUrl,
    folder: resolve(session.terminal.cwd, to),
    onProgress: (done) => {
      if (session.json) return
      if (done === 'checking') session.print('reading it back, and against the tables')
      else session.print(`${done.table}: ${number(done.rows)} rows`)
    },
  })
  const { why } = session.options
  await control.archived(extraction, {
    archive: sealOf(written),
    by: session.by(),
    ...(why === undefined ? {} : { why }),
  })
  const { folder, sha256, manifest } = written
  const tables = manifest.tables.map(({ table, contents, fileBytes }) => ({
    table,
    rows: contents.rows,
    sha256: contents.sha256,
    fileBytes,
  }))
  if (session.json) session.printJson({ extraction, folder, sha256, tables })
  else {
    session.print(`${extraction}: archived in ${folder}, and equal to the tables (${sha256})`)
    session.print('Keep a copy elsewhere, and try a restore: banyan restore FOLDER --database URL')
    session.print(`Then the tables can go: banyan drop ${extraction} --archive ${folder}`)
  }
  return EXIT.ok
}
