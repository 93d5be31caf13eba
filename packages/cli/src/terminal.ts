import { createInterface } from 'node:readline/promises'

/** The world around the command, so that tests can be it. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether a person watches the output: colours, redrawing. */
  readonly outIsTty: boolean
  /** Asks a person; null when none is there to answer. */
  readonly ask: ((question: string) => Promise<string>) | null
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Characters in a line. */
  readonly columns: () => number
  /** Aborted when the process is asked to end. */
  readonly ending: AbortSignal
  /** Has `take` called whenever the process is asked to read its settings again. */
  readonly onReload: (take: () => void) => void
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  // A reader that closed the pipe (head) has seen enough.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  const ending = new AbortController()
  const end = () => ending.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  return {
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
    outIsTty: stdout.isTTY === true,
    ask: stdin.isTTY && stderr.isTTY ? (question) => ask(question, ending.signal) : null,
    cwd: process.cwd(),
    env: process.env,
    columns: () => stdout.columns ?? 100,
    ending: ending.signal,
    onReload: (take) => process.on('SIGHUP', take),
  }
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await prompt.question(question, { signal })
  } catch {
    return ''
  } finally {
    prompt.close()
  }
}
