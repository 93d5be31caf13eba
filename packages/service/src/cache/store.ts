/**
 * Where cached texts are kept; one adapter each. It answers, or throws, within a bounded time, and its
 * caller does without it then. Keys are whole: with the prefix of the service.
 */
export interface CacheStore {
  /** The text, or null. */
  get(key: string): Promise<string | null>
  /** Sets the text for `ttlMs`, whatever was there. */
  set(key: string, text: string, ttlMs: number): Promise<void>
  /** Sets the text for `ttlMs` if there is none. @returns what was there; null when it was set */
  setIfNone(key: string, text: string, ttlMs: number): Promise<string | null>
  /** Sets the text for `ttlMs` in the place of `former` alone. @returns whether that was there */
  replace(key: string, former: string, text: string, ttlMs: number): Promise<boolean>
  /** Deletes any number of keys. */
  delete(keys: readonly string[]): Promise<void>
  /** @throws Error while it cannot be reached */
  check(): Promise<void>
  close(): Promise<void>
}
