export interface User {
  readonly id: string
  readonly email: string
  readonly roles: readonly string[]
}

export interface StoredUser extends User {
  readonly passwordHash: string
}

/** Where users are kept. Addresses come, and are kept, in small letters; the conformance suite says the rest. */
export interface UserStore {
  /** @returns the user, with an id of its own; null where the address is taken */
  add(user: Pick<StoredUser, 'email' | 'passwordHash'>): Promise<User | null>
  byEmail(email: string): Promise<StoredUser | null>
  /** Those of the ids that are a user's, in no order. */
  known(ids: readonly string[]): Promise<string[]>
  /** @throws when it cannot be asked */
  check(): Promise<void>
  close(): Promise<void>
}
