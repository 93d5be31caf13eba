import { run } from './run.ts'
import { processTerminal } from './terminal.ts'

const code = await run(process.argv.slice(2), processTerminal())
// What was written to a pipe must arrive before the end; what a failed start left open must not delay it.
await Promise.all(
  [process.stdout, process.stderr].map(
    (stream) => new Promise<unknown>((resolve) => stream.write('', resolve)),
  ),
)
process.exit(code)
