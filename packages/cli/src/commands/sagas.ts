import type { SagaDetail, SagaSummary } from '@banyan/durable'
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

const STATES: readonly SagaSummary['state'][] = [
  'running',
  'compensating',
  'blocked',
  'stuck',
  'completed',
  'compensated',
  'abandoned',
]

interface ListOptions extends StoreOptions {
  readonly name?: string
  readonly state?: SagaSummary['state']
  readonly limit: number
  readonly after?: string
}

export function sagasCommand(bind: Bind): Command {
  const list = new Command('list')
    .description('sagas, the newest first; without what they were given')
    .option('--name <saga>', 'only of this definition')
    .addOption(new Option('--state <state>', 'only in this state').choices(STATES))
    .action(bind(listSagas))
  const show = new Command('show')
    .description('one saga with its steps and all that it holds, which may be personal data')
    .argument('<id>')
    .action(bind(showSaga))
  const redrive = new Command('redrive')
    .description('let a stuck saga try its compensation again, and a blocked one go on')
    .argument('<id>')
    .action(bind(redriveSaga))
  const cancel = new Command('cancel')
    .description('turn a running saga round: what was begun is compensated. Asks')
    .argument('<id>')
    .action(bind(cancelSaga))
  const sagas = new Command('sagas').description('sagas of a service')
  withPageOptions(list, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  for (const command of [list, show, redrive, cancel]) sagas.addCommand(withStoreOptions(command))
  return sagas
}

async function listSagas(session: Session, options: ListOptions): Promise<ExitCode> {
  const { name, state, after, limit } = options
  return withStore(session, options, async ({ schema, sagas }) => {
    const found = await sagas.list({
      limit,
      ...(name === undefined ? {} : { name }),
      ...(state === undefined ? {} : { state }),
      ...(after === undefined ? {} : { after }),
    })
    if (session.json) session.printJson({ schema, sagas: found })
    else if (found.length === 0) session.print(`No such sagas in schema ${schema}.`)
    else {
      session.print(table(session.terminal, HEADS, found.map(rowOf)))
      const last = found.at(-1)!.id
      if (found.length === limit) session.print(`More, if there are: --after ${last}`)
    }
    return EXIT.ok
  })
}

async function showSaga(session: Session, id: string, options: StoreOptions): Promise<ExitCode> {
  return withStore(session, options, async ({ sagas }) => {
    const saga = await sagas.show(id)
    if (session.json) session.printJson(saga)
    else print(session, saga)
    return EXIT.ok
  })
}

function print(session: Session, saga: SagaDetail): void {
  const lines = [
    [`${saga.id}  ${saga.name} ${saga.version}  ${saga.state}`],
    ['key', saga.key],
    ['attempts', saga.attempts > 0 ? `${saga.attempts} failed` : null],
    ['reason', saga.reason],
    ['error', saga.error === saga.reason ? null : saga.error],
    ['started', saga.startedAt.toISOString()],
    ['deadline', saga.endedAt ? null : saga.deadline.toISOString()],
    ['ended', saga.endedAt?.toISOString() ?? null],
    ['leased', saga.leasedUntil ? `until ${saga.leasedUntil.toISOString()}` : null],
  ] as const
  for (const [name, value] of lines) {
    if (value === undefined) session.print(plain(name))
    else if (value !== null) session.print(plain(`${name.padEnd(10)}${value}`))
  }
  session.print('steps')
  for (const { name, state, at, output } of saga.steps) {
    session.print(plain(`  ${name.padEnd(20)}  ${state.padEnd(6)}  ${at}`))
    if (output !== undefined) session.print(pretty(output, '    '))
  }
  session.print(`input\n${pretty(saga.input)}`)
}

async function redriveSaga(session: Session, id: string, options: StoreOptions): Promise<ExitCode> {
  return withStore(session, options, async ({ sagas }) => {
    await sagas.redrive(id)
    return answer(session, await sagas.show(id), 'redriven')
  })
}

async function cancelSaga(session: Session, id: string, options: StoreOptions): Promise<ExitCode> {
  return withStore(session, options, async ({ sagas }) => {
    await confirm(session, {
      command: `sagas cancel ${id}`,
      sure: async () => {
        const saga = await sagas.show(id)
        const begun = saga.steps.map(({ name }) => name).join(', ') || 'nothing'
        return plain(`${saga.name} is ${saga.state}; what it has begun is undone: ${begun}.`)
      },
    })
    await sagas.cancel(id)
    return answer(session, await sagas.show(id), 'cancelled; it turns round after its present step')
  })
}

function answer(session: Session, saga: SagaDetail, done: string): ExitCode {
  if (session.json) session.printJson(summaryOf(saga))
  else session.print(plain(`${saga.name} ${saga.id}: ${done}`))
  return EXIT.ok
}

const HEADS = ['ID', 'SAGA', 'STATE', 'STEP', 'KEY', 'ATTEMPTS', 'UPDATED AT', 'REASON']

function rowOf(saga: SagaSummary): string[] {
  const { id, name, version, state, step, key, attempts, updatedAt, reason } = saga
  return [
    id,
    `${name} ${version}`,
    state,
    step ?? '-',
    key ?? '-',
    String(attempts),
    updatedAt.toISOString(),
    reason ?? '',
  ]
}

/** Without what it holds. */
function summaryOf(saga: SagaDetail): SagaSummary {
  const { id, name, version, key, state, step, attempts, reason, startedAt, updatedAt } = saga
  return { id, name, version, key, state, step, attempts, reason, startedAt, updatedAt }
}
