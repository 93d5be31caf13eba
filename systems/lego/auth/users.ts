import { hashPassword, passwordMatches } from './passwords.ts'
import type { User, UserStore } from './user-store.ts'

/** Adds a user; answers null when the address is taken, in whatever case. */
export async function addUser(
  store: UserStore,
  email: string,
  password: string,
): Promise<User | null> {
  const passwordHash = await hashPassword(password)
  return store.add({ email: email.toLowerCase(), passwordHash })
}

let decoy: Promise<string> | undefined

/** The user whose address and password these are, or null. */
export async function findUser(
  store: UserStore,
  email: string,
  password: string,
): Promise<User | null> {
  const user = await store.byEmail(email.toLowerCase())
  // An unknown address costs as much time as a known one, so that the answer's time tells nothing.
  decoy ??= hashPassword('decoy')
  const matches = await passwordMatches(password, user?.passwordHash ?? (await decoy))
  return user && matches ? { id: user.id, email: user.email, roles: user.roles } : null
}
