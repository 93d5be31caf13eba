import type { LedgerEntry } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand } from '../failure.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { ledgerLine } from '../text.ts'

export function ledgerCommand(bind: Bind): Command {
  return new Command('ledger')
    .description('print every decision and step. Exit code 1 when its hash chain is broken')
    .argument('[extraction]', 'may be left out when there is one')
    .option('--after <seq>', 'only entries after this number', '0')
    .option('--all', 'of every extraction, and of the monolith as a whole')
    .action(bind(ledger))
}

async function ledger(
  session: Session,
  given: string | undefined,
  options: { after: string; all?: boolean },
): Promise<ExitCode> {
  const after = Number(options.after)
  if (!Number.isSafeInteger(after) || after < 0) {
    throw badCommand(
      `--after is "${options.after}"; allowed is a whole number from 0`,
      'It is the number at the beginning of a line of "banyan ledger".',
    )
  }
  const control = await session.control()
  if (options.all && given !== undefined) {
    throw badCommand(`--all and "${given}" are given`, 'Name an extraction, or ask for all.')
  }
  const extraction = options.all ? null : await session.extraction(given, () => namesAt(control))
  const { entries, verified } = await control.ledger(extraction, after)
  if (session.json) session.printJson({ extraction, entries, verified })
  else show(session, entries, verified, extraction === null)
  return verified ? EXIT.ok : EXIT.negative
}

function show(
  session: Session,
  entries: readonly LedgerEntry[],
  verified: boolean,
  named: boolean,
): void {
  for (const entry of entries) {
    session.print(`${named ? `${entry.extraction.padEnd(12)}  ` : ''}${ledgerLine(entry)}`)
  }
  session.print(
    verified
      ? `${entries.length} entries; the chain of hashes holds.`
      : `${entries.length} entries; the chain of hashes is BROKEN: an entry was changed or removed. Compare with a backup of the control database.`,
  )
}
