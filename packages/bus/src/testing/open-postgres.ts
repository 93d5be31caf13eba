import { openPostgresTransport } from '../postgres/transport.ts'
import type { Transport } from '../transport.ts'

/** What the conformance suite opens; `settings` is the URL. */
export function openTransport(settings: string): Promise<Transport> {
  return openPostgresTransport({ url: settings, leaseMs: 1_500 })
}
