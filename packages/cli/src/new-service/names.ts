import { badCommand } from '../failure.ts'
import { RESERVED_BY_JAVASCRIPT, RESERVED_BY_POSTGRESQL } from './reserved-words.ts'
import type { Template } from './template.ts'
import { dashed, isDashed, pluralOf, singularOf, spellings } from './words.ts'

/** How a service, and what it keeps, are called: each in small letters with dashes. */
export interface Names {
  readonly service: string
  readonly thing: string
  readonly things: string
}

/** `<schema>_durable` must fit PostgreSQL's 63 bytes; the kit allows as many. */
const LONGEST = 40
/** Tables that the kit has in every service's schema. */
const TABLES_OF_THE_KIT = ['migrations', 'idempotency_keys']

/**
 * @throws CommandError BAD_COMMAND that says what was given, what is allowed, and what to give instead
 */
export function namesFrom(
  given: { readonly name: string; readonly thing?: string; readonly things?: string },
  template: Template,
): Names {
  const service = checkedWords('NAME', given.name)
  checkService(service, template)
  const thing = checkedWords('--thing', given.thing ?? singularOf(service))
  const things = checkedWords('--things', given.things ?? pluralOf(thing))
  checkThing({ service, thing, things }, template)
  return { service, thing, things }
}

function checkedWords(what: string, given: string): string {
  if (isDashed(given) && given.length <= LONGEST) return given
  const meant = dashed(given)
  const close = meant !== null && meant !== given && meant.length <= LONGEST
  throw badCommand(
    `${what} is ${JSON.stringify(given)}; allowed are small letters and digits, words joined by "-", beginning with a letter, at most ${LONGEST} characters`,
    close ? `Did you mean "${meant}"?` : 'For example: price-alerts.',
  )
}

function checkService(service: string, { files }: Template): void {
  const { snake } = spellings(service)
  const taken = files.map(({ path }) => path.replace(/(\.test)?\.ts$/, ''))
  if (taken.includes(service)) {
    throw badCommand(
      `NAME is "${service}"; a service has a file ${service}.ts already, which is not its rules`,
      `Name what it keeps or does: ${service}-of-something, something-${service}.`,
    )
  }
  if (snake.startsWith('pg_') || ['public', 'information_schema'].includes(snake)) {
    throw badCommand(
      `NAME is "${service}"; PostgreSQL has a schema of this kind`,
      `The service's schema is called after it: give another name, such as my-${service}.`,
    )
  }
}

function checkThing({ service, thing, things }: Names, { identifiers }: Template): void {
  const { pascal } = spellings(thing)
  const { camel, snake } = spellings(things)
  const [given, why] = RESERVED_BY_JAVASCRIPT.has(camel)
    ? [things, `"${camel}" is a word of JavaScript`]
    : RESERVED_BY_POSTGRESQL.has(snake)
      ? [things, `"${snake}" is a word of SQL`]
      : TABLES_OF_THE_KIT.includes(snake)
        ? [things, `every service has a table "${snake}"`]
        : identifiers.has(camel)
          ? [things, `the code that is written uses "${camel}" for something else`]
          : identifiers.has(pascal)
            ? [thing, `the code that is written uses "${pascal}" for something else`]
            : []
  if (given === undefined) return
  throw badCommand(
    `what "${service}" keeps cannot be called "${given}": ${why}`,
    'Give another noun with --thing (singular), e.g. --thing item.',
  )
}
