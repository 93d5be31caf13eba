import { type Action, consequence } from '@banyan/migration'
import { Command } from 'commander'
import { confirm } from '../confirmation.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand } from '../failure.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { type VerifyCommandOptions, verifyAs } from './verify.ts'

interface ActionHelp {
  readonly action: Exclude<Action, 'promote' | 'verify' | 'throttle' | 'abandon' | 'drop'>
  readonly help: string
  /** It moves users or cannot be undone: asked about before it is done. */
  readonly asks?: true
}

const SIMPLE: readonly ActionHelp[] = [
  { action: 'start', help: 'begin: install, copy, verify, and on through the steps of the plan' },
  { action: 'pause', help: 'stand still; both sides keep what they own, the streams run' },
  { action: 'resume', help: 'go on after a pause' },
  {
    action: 'confirm',
    help: 'go on with the servers that are there now, after a failover closed both sides',
    asks: true,
  },
  {
    action: 'rollback',
    help: 'give everything back to the monolith; nothing is lost',
    asks: true,
  },
  {
    action: 'complete',
    help: 'end with the service as the only owner; there is no way back',
    asks: true,
  },
  {
    action: 'cancel',
    help: 'end with the monolith as the only owner, and take everything of ours away',
    asks: true,
  },
]

export function actionCommands(bind: Bind): Command[] {
  const simple = SIMPLE.map((one) =>
    new Command(one.action)
      .description(one.help)
      .argument('[extraction]', 'may be left out when there is one')
      .action(
        bind((session: Session, given: string | undefined) =>
          act(session, one.action, given, {}, one.asks),
        ),
      ),
  )
  const promote = new Command('promote')
    .description('move on to the next share of the plan, or to the one given')
    .argument('[extraction-or-percent]', 'may be left out when there is one')
    .argument('[percent]', 'share of the users that the service shall own, above 0 to 100')
    .option('--despite-schedule', 'also when the plan’s schedule is closed')
    .action(bind(promoteTo))
  const verify = new Command('verify')
    .description('compare all rows now and wait for the answer. Exit code 1 when rows differ')
    .argument('[extraction]', 'may be left out when there is one')
    .option('--no-wait', 'do not wait for the answer')
    .option('--rows', 'list the rows known to differ now, without a new comparison')
    .option(
      '--repair <row>',
      'make a row (TABLE:KEY) on the side that does not own it what it is on its owner’s',
    )
    .option('--show-values', 'with --repair: print the values that differed')
    .action(
      bind(async (session: Session, given: string | undefined, options: VerifyCommandOptions) => {
        const control = await session.control()
        const extraction = await session.extraction(given, () => namesAt(control))
        return verifyAs(session, control, extraction, options)
      }),
    )
  return [...simple.slice(0, 3), promote, simple[3]!, verify, ...simple.slice(4)]
}

async function promoteTo(
  session: Session,
  first: string | undefined,
  second: string | undefined,
  { despiteSchedule }: { readonly despiteSchedule?: boolean },
): Promise<ExitCode> {
  const despite = despiteSchedule ? { despiteSchedule } : {}
  // An extraction's name begins with a letter, so a number can stand alone.
  const alone = first !== undefined && second === undefined && /^[\d.+-]/.test(first)
  const [name, percent] = alone ? [undefined, first] : [first, second]
  if (percent === undefined) return act(session, 'promote', name, despite)
  const value = Number(percent.replace(/\s*%$/, ''))
  if (!(value > 0 && value <= 100)) {
    throw badCommand(
      `the percent is "${percent}"; allowed is a number above 0 up to 100`,
      value === 0 ? 'To give everything back: banyan rollback.' : 'For example: banyan promote 50.',
    )
  }
  return act(session, 'promote', name, { percent: value, ...despite })
}

async function act(
  session: Session,
  action: Action,
  given: string | undefined,
  request: { percent?: number; despiteSchedule?: boolean },
  asks?: true,
): Promise<ExitCode> {
  const control = await session.control()
  const extraction = await session.extraction(given, () => namesAt(control))
  if (asks) {
    await confirm(session, {
      command: `${action} ${extraction}`,
      sure: async () => consequence(action, await control.extraction(extraction)),
    })
  }
  const { why } = session.options
  const status = await control.act(extraction, action, {
    ...request,
    by: session.by(),
    ...(why === undefined ? {} : { why }),
  })
  if (session.json) session.printJson(status)
  else {
    const { phase, percent, goal, paused } = status
    const share = percent === goal ? `${percent} %` : `${percent} % -> ${goal} %`
    session.print(
      `${extraction}: ${action} decided; ${phase}${paused ? ', paused' : ''}, ${share} at the service`,
    )
    session.print(`Follow it with: banyan status ${extraction} --watch`)
  }
  return EXIT.ok
}
