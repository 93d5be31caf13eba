import { Option } from 'commander'
import { badCommand } from './failure.ts'
import type { Session } from './settings.ts'

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const
export type LogLevel = (typeof LEVELS)[number]

export function logLevelOption(): Option {
  return new Option('--log-level <level>', 'how much is logged').choices(LEVELS).default('info')
}

/** @throws CommandError when it is not a TCP port. */
export function portOf(option: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const port = Number(given)
  if (/^\d+$/.test(given) && port <= 65_535) return port
  throw badCommand(
    `${option} is "${given}"; allowed is a whole number from 0 to 65535`,
    'With 0 a free port is taken and printed.',
  )
}

/** What the environment says of a process that goes on until it is asked to end. @throws CommandError */
export async function processSettings(name: string, { terminal }: Session) {
  const { readProcessSettings, SettingsError } = await import('@banyan/service/http')
  try {
    return readProcessSettings(name, terminal.env)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    throw badCommand(error.message, 'Set the variables named as the rule says, or not at all.')
  }
}
