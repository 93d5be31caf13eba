/** The process of a `SilentMember`. Arguments: module of the harness, its settings, the subscription as JSON. */
import type { SubscriptionRequest } from '../transport.ts'
import type { TransportModule } from './harness.ts'

const [module, settings, request] = process.argv.slice(2) as [string, string, string]
const { openTransport } = (await import(module)) as TransportModule
const transport = await openTransport(settings)
await transport.subscribe(JSON.parse(request) as SubscriptionRequest, ({ id }) => {
  process.stdout.write(`taken ${id}\n`)
  return new Promise(() => {})
})
process.stdout.write('subscribed\n')
// Whoever started it may be gone without a word.
setInterval(() => {
  if (process.ppid === 1) process.exit(1)
}, 1_000)
