import { type KafkaSettings, openKafkaTransport } from '../kafka/index.ts'
import type { Transport } from '../transport.ts'

/** What the conformance suite opens; `settings` are `KafkaSettings` as JSON. */
export function openTransport(settings: string): Promise<Transport> {
  return openKafkaTransport(JSON.parse(settings) as KafkaSettings)
}
