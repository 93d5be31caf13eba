import { type AwsSettings, openAwsTransport } from '../aws/index.ts'
import type { Transport } from '../transport.ts'

/** What the conformance suite opens; `settings` are `AwsSettings` as JSON. */
export function openTransport(settings: string): Promise<Transport> {
  return openAwsTransport(JSON.parse(settings) as AwsSettings)
}
