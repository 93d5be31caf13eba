import { parseArgs } from 'node:util'

export interface Flag {
  readonly name: string
  /** Shown in the help: `N`, `FILE`; left out for a switch. */
  readonly value?: string
  readonly text: string
}

export type Given = Readonly<Record<string, string | boolean | undefined>>

/** What a person gave that cannot be: printed with how to ask for help, exit code 2. */
export class UsageError extends Error {}

/**
 * Reads the command line against the flags there are.
 *
 * @throws UsageError that names the flag, what was given and what is allowed.
 */
export function readFlags(args: readonly string[], flags: readonly Flag[]): Given {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: Object.fromEntries(
        [...flags, { name: 'help', text: '' } as Flag].map(({ name, value }) => [
          name,
          { type: value === undefined ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
    })
    return values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** A whole number of at least `least`. @throws UsageError */
export function wholeNumber(given: Given, name: string, otherwise: number, least: number): number {
  const value = given[name]
  if (value === undefined) return otherwise
  const number = Number(value)
  if (typeof value === 'string' && /^\d+$/.test(value) && number >= least) return number
  throw new UsageError(`--${name} is "${String(value)}"; allowed is a whole number from ${least}`)
}

/** One of several names; the first when none is given. @throws UsageError that says what there is */
export function oneOf<Name extends string>(
  given: Given,
  flag: string,
  names: readonly [Name, ...Name[]],
): Name {
  const value = given[flag] ?? names[0]
  const found = names.find((name) => name === value)
  if (found) return found
  throw new UsageError(`--${flag} is "${String(value)}"; there are ${names.join(' and ')}`)
}

export function helpText(command: string, what: string, flags: readonly Flag[]): string {
  const left = flags.map(({ name, value }) => `  --${name}${value ? ` ${value}` : ''}`)
  const width = Math.max(...left.map((text) => text.length)) + 3
  return [
    `${command} [-- FLAGS]`,
    '',
    what,
    '',
    ...flags.map(({ text }, i) => `${left[i]!.padEnd(width)}${text}`),
    `${'  --help'.padEnd(width)}this text`,
  ].join('\n')
}

/** Runs a program; a UsageError is said and ends with code 2. */
export async function main(name: string, program: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await program()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${name}: ${error.message}\nWhat there is: ${name} -- --help`)
    process.exitCode = 2
  }
}
