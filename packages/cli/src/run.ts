import { CommanderError } from 'commander'
import { EXIT, type ExitCode } from './exit.ts'
import { failureOf } from './failure.ts'
import { buildProgram } from './program.ts'
import type { Terminal } from './terminal.ts'

/**
 * Runs the command. Errors go to stderr: two lines for people, one problem+json with --json.
 *
 * @param args without the program's name.
 * @returns the exit code.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exit: ExitCode = EXIT.ok
  const program = buildProgram(terminal, (code) => {
    exit = code
  })
  if (args.length === 0) {
    program.outputHelp()
    return EXIT.ok
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exit
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const failure = failureOf(error)
    const { problem } = failure
    // Not from the parsed options: what could not be parsed asks for JSON too.
    if (args.includes('--json')) terminal.err(`${JSON.stringify(problem)}\n`)
    else terminal.err(`banyan: ${problem.title}: ${problem.detail}\n${problem.next}\n`)
    return failure.exit
  }
}
