import type { DeadLetter, DeadLetterKind } from '@banyan/durable'
import { Command, Option } from 'commander'
import { confirm } from '../confirmation.ts'
import {
  type StoreOptions,
  withPageOptions,
  withStore,
  withStoreOptions,
} from '../durable-store.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { plain, pretty, table } from '../table.ts'

const KINDS: readonly DeadLetterKind[] = ['event', 'outgoing', 'saga', 'schedule']

interface ListOptions extends StoreOptions {
  readonly kind?: DeadLetterKind
  readonly source?: string
  readonly limit: number
  readonly after?: string
}

export function dlqCommand(bind: Bind): Command {
  const list = new Command('list')
    .description('what failed as often as it may, the oldest first; without what it is about')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(KINDS))
    .option('--source <name>', 'only of this consumer, saga or schedule; "outbox" for unsent ones')
    .action(bind(listLetters))
  const show = new Command('show')
    .description('one of them with all that it holds, which may be personal data')
    .argument('<id>')
    .action(bind(showLetter))
  const redrive = new Command('redrive')
    .description('run them again as the first time')
    .argument('<id...>')
    .action(bind(redriveLetters))
  const discard = new Command('discard')
    .description('delete them for good; a saga that was stuck is abandoned. Asks')
    .argument('<id...>')
    .action(bind(discardLetters))
  const dlq = new Command('dlq').description('dead letters of a service')
  withPageOptions(list, /^\d{1,18}$/)
  for (const command of [list, show, redrive, discard]) dlq.addCommand(withStoreOptions(command))
  return dlq
}

async function listLetters(session: Session, options: ListOptions): Promise<ExitCode> {
  const { kind, source, after, limit } = options
  return withStore(session, options, async ({ schema, deadLetters }) => {
    const letters = await deadLetters.list({
      limit,
      ...(kind === undefined ? {} : { kind }),
      ...(source === undefined ? {} : { source }),
      ...(after === undefined ? {} : { after }),
    })
    if (session.json) session.printJson({ schema, letters: letters.map(withoutBody) })
    else if (letters.length === 0) session.print(`No dead letters in schema ${schema}.`)
    else {
      session.print(table(session.terminal, HEADS, letters.map(rowOf)))
      const last = letters.at(-1)!.id
      if (letters.length === limit) session.print(`More, if there are: --after ${last}`)
    }
    return EXIT.ok
  })
}

async function showLetter(session: Session, id: string, options: StoreOptions): Promise<ExitCode> {
  return withStore(session, options, async ({ deadLetters }) => {
    const letter = await deadLetters.show(id)
    if (session.json) session.printJson(letter)
    else {
      const { kind, source, subject, key, attempts, diedAt } = letter
      session.print(`${letter.id}  ${kind}  ${plain(source)}  ${plain(subject)}`)
      session.print(`key       ${plain(key)}`)
      session.print(`attempts  ${attempts}`)
      session.print(`died at   ${diedAt.toISOString()}`)
      session.print(`error     ${letter.error.split('\n').map(plain).join('\n          ')}`)
      session.print(`body\n${pretty(letter.body)}`)
    }
    return EXIT.ok
  })
}

async function redriveLetters(
  session: Session,
  ids: readonly string[],
  options: StoreOptions,
): Promise<ExitCode> {
  return withStore(session, options, async ({ deadLetters }) => {
    await each(session, ids, 'redriven', (id) => deadLetters.redrive(id))
    return EXIT.ok
  })
}

async function discardLetters(
  session: Session,
  ids: readonly string[],
  options: StoreOptions,
): Promise<ExitCode> {
  return withStore(session, options, async ({ deadLetters }) => {
    await confirm(session, {
      command: `dlq discard ${ids.join(' ')}`,
      sure: async () => {
        const letters = await Promise.all(ids.map((id) => deadLetters.show(id)))
        const lost = table(session.terminal, HEADS, letters.map(rowOf))
        return `${lost}\nWhat they hold is deleted for good, and is never done.`
      },
    })
    await each(session, ids, 'discarded', (id) => deadLetters.discard(id))
    return EXIT.ok
  })
}

/** One after the other, each said when it is done: a later one that fails does not hide it. */
async function each(
  session: Session,
  ids: readonly string[],
  done: string,
  act: (id: string) => Promise<DeadLetter>,
): Promise<void> {
  for (const id of new Set(ids)) {
    const letter = await act(id)
    if (session.json) session.printJson({ done, letter: withoutBody(letter) })
    else session.print(plain(`${id}: ${letter.kind} of ${letter.source} ${done}`))
  }
}

const HEADS = ['ID', 'KIND', 'SOURCE', 'SUBJECT', 'KEY', 'ATTEMPTS', 'DIED AT', 'ERROR']

function rowOf(letter: DeadLetter): string[] {
  const { id, kind, source, subject, key, attempts, diedAt, error } = letter
  return [id, kind, source, subject, key, String(attempts), diedAt.toISOString(), error]
}

function withoutBody({ body: _, ...letter }: DeadLetter): Omit<DeadLetter, 'body'> {
  return letter
}
