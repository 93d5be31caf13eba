import type { ExtractionStatus } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand } from '../failure.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { bytes, number } from '../text.ts'

export function abandonCommand(bind: Bind): Command {
  return new Command('abandon')
    .description(
      'the service’s database is gone for good: the monolith takes back what it has of everything',
    )
    .argument('[extraction]', 'may be left out when there is one')
    .option('--confirm <name>', 'the extraction’s name, typed; asked for when left out')
    .action(bind(abandon))
}

async function abandon(
  session: Session,
  given: string | undefined,
  options: { confirm?: string },
): Promise<ExitCode> {
  const control = await session.control()
  const extraction = await session.extraction(given, () => namesAt(control))
  const cost = costOf(await control.extraction(extraction))
  if (!session.json) for (const line of cost) session.print(line)
  const confirm = options.confirm ?? (await ask(session, extraction))
  if (confirm !== extraction) {
    throw badCommand(
      `"${confirm}" is not the name of the extraction; nothing was done`,
      `If the target is gone for good: banyan abandon ${extraction} --confirm ${extraction}`,
    )
  }
  const { why } = session.options
  const status = await control.act(extraction, 'abandon', {
    confirm,
    by: session.by(),
    ...(why === undefined ? {} : { why }),
  })
  if (session.json) session.printJson(status)
  else {
    session.print(`${extraction}: abandon decided`)
    session.print(`Follow it with: banyan status ${extraction} --watch`)
  }
  return EXIT.ok
}

async function ask(session: Session, extraction: string): Promise<string> {
  const { ask } = session.terminal
  if (ask && !session.json) return (await ask('Type its name to go on: ')).trim()
  throw badCommand(
    'abandon asks for the extraction’s name, and there is no terminal to ask on',
    `If the target is gone for good: banyan abandon ${extraction} --confirm ${extraction}`,
  )
}

/** What is lost, as far as anybody can know without the target. */
function costOf({ extraction, percent, at, streams: { reverse } }: ExtractionStatus): string[] {
  if (percent === 0) {
    return [`The service owns nothing of ${extraction}: nothing is lost but the copied rows.`]
  }
  const behind =
    reverse.lagMs === null
      ? 'how far behind it was is not known'
      : `it was ${number(reverse.lagMs)} ms (${bytes(reverse.lagBytes)}) behind`
  return [
    `The service owns ${percent} % of ${extraction}. What it wrote is on the monolith as far as the reverse stream came:`,
    `  up to ${reverse.position ?? 'nothing'} of the service’s log; last heard ${at ?? 'never'}, when ${behind}.`,
    'Writes it acknowledged after that are lost for ever. Buckets given to it and not opened yet lose nothing.',
    'Should that database come back, it is closed, and takes no write any more.',
  ]
}
