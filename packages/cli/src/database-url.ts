import { badCommand } from './failure.ts'
import type { Session } from './settings.ts'

/**
 * The database that a command is about: `--database`, else DATABASE_URL.
 *
 * @throws CommandError BAD_COMMAND
 */
export function databaseUrlOf({ terminal }: Session, database: string | undefined): URL {
  const given = database ?? terminal.env.DATABASE_URL
  if (given === undefined || given === '') {
    throw badCommand(
      'neither --database nor DATABASE_URL says which database',
      'For example: --database postgres://user@host:5432/orders.',
    )
  }
  if (URL.canParse(given) && /^postgres(ql)?:$/.test(new URL(given).protocol)) return new URL(given)
  // Not shown: a password may stand in it.
  throw badCommand(
    `${database === undefined ? 'DATABASE_URL' : '--database'} is not a PostgreSQL URL`,
    'It looks like postgres://user@host:5432/orders.',
  )
}
