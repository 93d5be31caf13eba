import type { Command } from 'commander'

/** What can follow a command's words. */
export interface Offer {
  /** The words after `banyan`, joined by a space; empty for the command itself. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly about: string }[]
  readonly options: readonly {
    readonly flag: string
    readonly about: string
    /** Whether a word follows it. */
    readonly takes: boolean
    readonly choices: readonly string[]
  }[]
  /** Words of its own that it takes. */
  readonly choices: readonly string[]
  /** Whether it is about an extraction, whose name can follow. */
  readonly named: boolean
}

/** Of a command and all below it, the options of those above included. */
export function offersOf(
  command: Command,
  path: readonly string[] = [],
  above: Offer['options'] = [],
): Offer[] {
  const options = [
    ...command.options.filter((one) => one.long && !one.hidden).map(optionOf),
    ...above,
  ]
  const own: Offer = {
    path: path.join(' '),
    commands: command.commands.map((below) => ({
      name: below.name(),
      about: firstOf(below.description()),
    })),
    options,
    choices: command.registeredArguments.flatMap((one) => one.argChoices ?? []),
    named: command.registeredArguments.some((one) => one.name().startsWith('extraction')),
  }
  const below = command.commands.flatMap((one) =>
    offersOf(
      one,
      [...path, one.name()],
      options.filter(({ flag }) => flag !== '--version'),
    ),
  )
  return [own, ...below]
}

function optionOf(option: Command['options'][number]): Offer['options'][number] {
  return {
    flag: option.long!,
    about: firstOf(option.description),
    takes: option.required || option.optional,
    choices: option.argChoices ?? [],
  }
}

/** As much as stands in a line beside a word. */
function firstOf(text: string): string {
  return text.split(/[;.:](?=\s)/, 1)[0]!
}
