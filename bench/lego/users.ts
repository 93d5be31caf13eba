import { userId } from '../../systems/lego/generate.ts'
import { minterOf } from '../../systems/lego/people.ts'

/** Somebody signed in. */
export interface User {
  readonly id: string
  readonly token: string
}

/** The users that the generator has made with this seed, a token each. */
export async function usersOf(authUrl: string, count: number, seed: number): Promise<User[]> {
  const mint = await minterOf(authUrl)
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const id = userId(seed, n)
      return { id, token: await mint({ sub: id, email: `user.${n}@example.org`, roles: ['user'] }) }
    }),
  )
}
