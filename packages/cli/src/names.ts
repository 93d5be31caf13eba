import type { ControlClient } from '@banyan/migration'

/** The extractions a control plane knows. */
export async function namesAt(control: ControlClient): Promise<string[]> {
  return (await control.status()).extractions.map((one) => one.extraction)
}
