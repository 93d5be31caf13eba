import type { Why } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import { namesAt } from '../names.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { throttleText } from '../status-view.ts'
import { bytes, number } from '../text.ts'

export function whyCommand(bind: Bind): Command {
  return new Command('why')
    .description('say what the next step waits for, what is in the way, and what can be done')
    .argument('[extraction]', 'may be left out when there is one')
    .action(bind(why))
}

async function why(session: Session, given: string | undefined): Promise<ExitCode> {
  const control = await session.control()
  const extraction = await session.extraction(given, () => namesAt(control))
  const answer = await control.why(extraction)
  if (session.json) session.printJson(answer)
  else for (const line of lines(answer)) session.print(line)
  return EXIT.ok
}

function lines(why: Why): string[] {
  const { extraction, phase, paused, waitsFor, trouble, throttle, lastAborted } = why
  const phaseNow = paused ? `${phase}, paused` : phase
  const head = `${extraction} is ${phaseNow} since ${why.since}`
  const limit = throttle?.rowsPerSecond ?? null
  return [
    waitsFor.length > 0 ? `${head}, and waits for` : `${head}, and waits for nothing.`,
    ...waitsFor.map((one) => `  · ${one}`),
    ...(trouble
      ? [`trouble since ${trouble.since}, tried ${trouble.failures} times: ${trouble.why}`]
      : []),
    ...(limit === null ? [] : [`the copy: ${throttleText(limit)} (${throttle!.why})`]),
    ...why.gates.map(
      ({ gate, measured, required, state }) =>
        `gate ${state.padEnd(5)}  ${gate}: ${measured}, required ${required}`,
    ),
    ...(lastAborted
      ? [
          `the last handover was aborted at ${lastAborted.at} (attempt ${number(lastAborted.attempt)}): ${lastAborted.why ?? 'no reason given'}`,
        ]
      : []),
    ...why.keptFor.map(
      ({ stream, bytes: kept, transaction }) =>
        `${bytes(kept)} of log are kept for the ${stream} stream, because of ${transaction}`,
    ),
    ...why.gateways.map(({ id, problem }) => `gateway ${id}: ${problem}`),
    ...(why.next.length > 0 ? ['what you can do:', ...why.next.map((one) => `  ${one}`)] : []),
  ]
}
