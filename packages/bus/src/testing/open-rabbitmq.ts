import { openRabbitmqTransport, type RabbitmqSettings } from '../rabbitmq/index.ts'
import type { Transport } from '../transport.ts'

/** What the conformance suite opens; `settings` are `RabbitmqSettings` as JSON. */
export function openTransport(settings: string): Promise<Transport> {
  return openRabbitmqTransport(JSON.parse(settings) as RabbitmqSettings)
}
