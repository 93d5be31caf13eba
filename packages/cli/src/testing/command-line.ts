import type { Command } from 'commander'

/** Commands of a program that do something, by their words. */
export function doing(command: Command, path: readonly string[] = []): [string, Command][] {
  const below = command.commands.flatMap((one) => doing(one, [...path, one.name()]))
  return command.commands.length > 0 ? below : [[path.join(' '), command], ...below]
}

/** Where a line of a shell ends for one command: a comment, a pipe, a redirection, the next command. */
const ENDS = /^(#|\||\|\||&|&&|;|>|>>|2>|<)$/

/** The words of a line as a shell would hand them over, up to where the command ends. */
export function wordsOf(line: string): string[] {
  const found = [...line.matchAll(/(?:"[^"]*"|'[^']*'|\$\([^)]*\)|[^\s"'])+/g)].map(
    ([word]) => word,
  )
  const end = found.findIndex((word) => ENDS.test(word))
  return found.slice(0, end === -1 ? undefined : end)
}

/**
 * What is wrong with a command as it is written somewhere; null when the program takes it. What an argument says is
 * not looked at, so `NAME` and `[extraction]` may stand for one.
 *
 * @param words behind the program's name.
 * @param whole whether everything it asks for must be there; else it is only spoken of.
 */
export function problemOf(
  program: Command,
  words: readonly string[],
  whole: boolean,
): string | null {
  let command = program
  let rest = words[0] === 'help' ? words.slice(1) : [...words]
  for (;;) {
    const below = command.commands.find((one) => one.name() === rest[0])
    if (!below) break
    command = below
    rest = rest.slice(1)
  }
  const given: string[] = []
  while (rest.length > 0) {
    const [word, ...others] = rest as [string, ...string[]]
    rest = others
    if (!word.startsWith('--')) {
      given.push(word)
      continue
    }
    const [flag] = word.split('=')
    const known = [...command.options, ...program.options, ...HELP]
    const option = known.find(({ long }) => long === flag)
    if (!option) return `${command.name()} has no ${flag}`
    const takes = 'required' in option && (option.required || option.optional)
    if (takes && !word.includes('=')) {
      const isThere = rest.length > 0 && !rest[0]!.startsWith('--')
      if (whole && !isThere) return `${flag} has no value`
      if (isThere) rest = rest.slice(1)
    }
  }
  const slots = command.registeredArguments
  if (command.commands.length > 0 && given.length > 0) return `there is no command ${given[0]}`
  if (given.length > slots.length && !slots.at(-1)?.variadic) {
    return `${command.name()} takes no ${given[slots.length]}`
  }
  if (whole && given.length < slots.filter(({ required }) => required).length) {
    return `${command.name()} lacks ${slots[given.length]!.name()}`
  }
  return null
}

const HELP = [{ long: '--help' }, { long: '--version' }] as const
