import { describe, expect, it, onTestFinished } from 'vitest'
import type { UserStore } from './user-store.ts'
import { addUser, findUser } from './users.ts'

const someone = () => ({ email: `${crypto.randomUUID()}@example.org`, passwordHash: 'scrypt$…' })

/**
 * What every store of users must do.
 *
 * @param open opens the same store each time, as another process would
 */
export function conforms(name: string, open: () => Promise<UserStore>): void {
  const opened = async () => {
    const store = await open()
    onTestFinished(() => store.close())
    return store
  }

  describe(`users in ${name}`, () => {
    it('have an id and a role, and are found by their address', async () => {
      const store = await opened()
      const given = someone()
      const user = await store.add(given)
      expect(user).toEqual({ id: expect.any(String), email: given.email, roles: ['user'] })
      expect(user!.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(await store.byEmail(given.email)).toEqual({
        ...user,
        passwordHash: given.passwordHash,
      })
    })

    it('have an address that nobody else has', async () => {
      const store = await opened()
      const { email } = someone()
      const first = await store.add({ email, passwordHash: 'the first' })
      expect(await store.add({ email, passwordHash: 'the second' })).toBeNull()
      expect(await store.byEmail(email)).toEqual({ ...first, passwordHash: 'the first' })
    })

    it('have it though twenty want it at once, at two processes', async () => {
      const stores = [await opened(), await opened()]
      const wish = someone()
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, i) => stores[i % 2]!.add({ ...wish })),
      )
      const [user, ...others] = all.filter((one) => one !== null)
      expect(others).toEqual([])
      expect(await stores[0]!.known([user!.id])).toEqual([user!.id])
    })

    it('are not found by what is like an address, or by none', async () => {
      const store = await opened()
      const { email, passwordHash } = someone()
      await store.add({ email, passwordHash })
      for (const other of ['', '%', '.*', `${email.slice(0, -1)}_`, `${email} `, '{"$ne":null}']) {
        expect(await store.byEmail(other)).toBeNull()
      }
    })

    it('are known by their ids, among others that are none', async () => {
      const store = await opened()
      const ids = await Promise.all([1, 2, 3].map(async () => (await store.add(someone()))!.id))
      const strangers = Array.from({ length: 995 }, () => crypto.randomUUID())
      const asked = ['', 'ada', ...strangers, ...ids.slice(0, 2)]
      expect((await store.known(asked)).sort()).toEqual(ids.slice(0, 2).sort())
      expect(await store.known([])).toEqual([])
    })

    it('sign in with their password, whatever the case of their address, and with no other', async () => {
      const store = await opened()
      const email = `Ada.${crypto.randomUUID()}@Example.org`
      const user = await addUser(store, email, 'correct horse')
      expect(user?.email).toBe(email.toLowerCase())
      expect(await addUser(store, email.toUpperCase(), 'battery staple')).toBeNull()
      expect(await findUser(store, email.toUpperCase(), 'correct horse')).toEqual(user)
      expect(await findUser(store, email, 'battery staple')).toBeNull()
      expect(await findUser(store, `x${email}`, 'correct horse')).toBeNull()
      expect((await store.byEmail(user!.email))?.passwordHash).toMatch(/^scrypt\$16384\$8\$5\$/)
    })

    it('are still there when the store is opened anew', async () => {
      const before = await open()
      const { id } = (await before.add(someone()))!
      await before.check()
      await before.close()
      expect(await (await opened()).known([id])).toEqual([id])
    })
  })
}
