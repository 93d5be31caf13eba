import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BanyanError } from '@banyan/contracts'
import {
  type ControlClient,
  checkFiles,
  type DropPreview,
  type ExtractionStatus,
  inspectDrop,
  openArchive,
} from '@banyan/migration'
import { Command } from 'commander'
import { confirm } from '../confirmation.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { CommandError } from '../failure.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { bytes, number } from '../text.ts'

interface DropOptions {
  readonly archive?: string
  readonly despiteFunctions?: boolean
}

/** How often it is looked whether the engine has done it, ms. */
const LOOK_MS = 200

export function dropCommand(bind: Bind): Command {
  return new Command('drop')
    .description(
      'drop the monolith’s old tables of a completed extraction, once an archive holds them and nothing needs them',
    )
    .argument('[extraction]', 'may be left out when there is one')
    .option('--archive <folder>', 'its archive; where it was written by default')
    .option('--despite-functions', 'though texts of functions name the tables')
    .action(bind(drop))
}

async function drop(
  session: Session,
  given: string | undefined,
  options: DropOptions,
): Promise<ExitCode> {
  const control = await session.control()
  const extraction = await session.extraction(given, () => namesAt(control))
  const status = await control.extraction(extraction)
  requireCompleted(status, 'drop')
  const sha256 = await checkedArchive(session, status, options)
  const plan = await session.plan()
  const phases = (await control.status()).extractions
  const preview = await inspectDrop(plan, extraction, phases)
  if (!session.json) for (const line of describe(extraction, preview)) session.print(line)
  refuseDependents(extraction, preview, options)
  await confirm(session, {
    command: `drop ${extraction}`,
    sure: () => 'The tables are gone then; the way back is: banyan restore.',
  })
  const { why } = session.options
  await control.act(extraction, 'drop', {
    archive: sha256,
    by: session.by(),
    ...(options.despiteFunctions ? { despiteFunctions: true } : {}),
    ...(why === undefined ? {} : { why }),
  })
  return tell(session, extraction, await outcome(session, control, extraction))
}

/** @throws BanyanError WRONG_PHASE: before the end the tables are at work. */
export function requireCompleted({ extraction, phase }: ExtractionStatus, action: string): void {
  if (phase === 'completed') return
  throw new BanyanError('WRONG_PHASE', { action, extraction, phase, allowed: 'completed' })
}

/** The archive as it lies there, read to its end: the tables go only when it can bring them back. */
async function checkedArchive(
  session: Session,
  { extraction, oldTables }: ExtractionStatus,
  { archive: given }: DropOptions,
): Promise<string> {
  const known = oldTables?.archive
  if (!known) {
    throw new CommandError(
      'DROP_REFUSED',
      { extraction, reason: 'they are not archived' },
      `Archive them first: banyan archive ${extraction} --to FOLDER.`,
    )
  }
  const folder = resolve(session.terminal.cwd, given ?? known.place)
  const archive = await openArchive(folder)
  if (archive.sha256 !== known.sha256) {
    const reason = `${folder} is not the archive of ${known.at} (${known.sha256}), but ${archive.sha256}`
    throw new BanyanError('DROP_REFUSED', { extraction, reason })
  }
  if (!session.json) session.print(`reading ${folder} to its end`)
  await checkFiles(archive)
  return archive.sha256
}

function describe(extraction: string, { tables, takes, leaves, dependents, sql }: DropPreview) {
  return [
    `Of ${extraction}, in the monolith’s database:`,
    ...(sql ? [`  ${sql};`] : ['  nothing: the tables are not there any more']),
    ...tables.map(
      ({ table, rows, bytes: size }) => `  ${table}: about ${number(rows)} rows, ${bytes(size)}`,
    ),
    ...takes.map((what) => `  goes with them: ${what}`),
    ...leaves.map((what) => `  stays, without use: ${what}`),
    ...dependents.map(({ what, mend }) => `  still needs them: ${what}. First: ${mend}`),
  ]
}

function refuseDependents(
  extraction: string,
  { dependents }: DropPreview,
  { despiteFunctions }: DropOptions,
): void {
  const against = dependents.filter(({ known }) => !(despiteFunctions && known === 'text'))
  if (against.length === 0) return
  throw new CommandError(
    'DROP_REFUSED',
    { extraction, reason: against.map(({ what }) => what).join('; ') },
    against[0]!.known === 'text'
      ? `First: ${against[0]!.mend} Or, if it means another table: --despite-functions.`
      : `First: ${against[0]!.mend}`,
  )
}

/** The state once the engine has dropped the tables, or refused to; null when the command was asked to end. */
async function outcome(
  session: Session,
  control: ControlClient,
  extraction: string,
): Promise<ExtractionStatus | null> {
  while (!session.terminal.ending.aborted) {
    const status = await control.extraction(extraction)
    if (status.oldTables?.dropped || status.oldTables?.refused) return status
    await delay(LOOK_MS)
  }
  return null
}

function tell(session: Session, extraction: string, status: ExtractionStatus | null): ExitCode {
  if (!status) return EXIT.ok
  const { refused, dropped } = status.oldTables!
  if (refused) throw new BanyanError('DROP_REFUSED', { extraction, reason: refused.why })
  if (session.json) session.printJson(status)
  else {
    session.print(`${extraction}: dropped at ${dropped!.at}`)
    session.print(
      'An application that makes its tables when it starts would make them anew, empty.',
    )
  }
  return EXIT.ok
}
