import { BanyanError } from '@banyan/contracts'

/** What a disk or a server failed with, in words of the catalogue; errors of ours stay as they are. */
export function storeFailure(store: string, error: unknown): BanyanError {
  if (error instanceof BanyanError) return error
  const { message, code, name } = error as Error & { code?: string }
  const reason = message || code || name
  return new BanyanError('OBJECT_STORE_FAILED', { store, reason }, { cause: error })
}
