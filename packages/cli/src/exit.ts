/** Exit codes of the command; scripts rely on them (docs/cli.md). */
export const EXIT = {
  ok: 0,
  /** The answer is no: an error was found, rows differ, the ledger's chain is broken. */
  negative: 1,
  /** The command, its options or the plan are not valid; or it was not confirmed. */
  usage: 2,
  /** No control plane answers. */
  unreachable: 3,
  /** The extraction is in a state that does not allow it. */
  refused: 4,
  /** Anything else. */
  internal: 5,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
