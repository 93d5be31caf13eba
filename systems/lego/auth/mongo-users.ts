import { MongoClient, MongoServerError } from 'mongodb'
import type { User, UserStore } from './user-store.ts'

interface UserDocument {
  readonly _id: string
  readonly email: string
  readonly passwordHash: string
  readonly roles: string[]
  readonly createdAt: Date
}

/** As long as PostgreSQL's pool waits for a connection, ms. */
const WAIT_MS = 5_000
const DUPLICATE_KEY = 11_000

/**
 * Users in the collection `users` of a MongoDB database, which is made with its index where it is missing.
 *
 * @param url with the database's name: `mongodb://…/auth`
 * @throws MongoError when it cannot be reached within 5 s, or has two users with one address
 */
export async function openMongoUsers(url: string): Promise<UserStore> {
  const client = new MongoClient(url, {
    appName: 'auth',
    maxPoolSize: 10,
    serverSelectionTimeoutMS: WAIT_MS,
    connectTimeoutMS: WAIT_MS,
    waitQueueTimeoutMS: WAIT_MS,
    // A server that hangs, as one that is away: its requests must not wait for ever.
    socketTimeoutMS: 2 * WAIT_MS,
    // Who has signed up must still be there when the primary is another.
    writeConcern: { w: 'majority' },
  })
  const users = client.db().collection<UserDocument>('users')
  try {
    await users.createIndex({ email: 1 }, { unique: true, name: 'users_email_unique' })
  } catch (error) {
    await client.close()
    throw error
  }
  return {
    async add({ email, passwordHash }) {
      const user: User = { id: crypto.randomUUID(), email, roles: ['user'] }
      const { id: _id, roles } = user
      try {
        await users.insertOne({
          ...{ _id, email, passwordHash },
          ...{ roles: [...roles], createdAt: new Date() },
        })
        return user
      } catch (error) {
        if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) return null
        throw error
      }
    },
    async byEmail(address) {
      const found = await users.findOne({ email: address })
      if (!found) return null
      const { _id: id, email, passwordHash, roles } = found
      return { id, email, passwordHash, roles }
    },
    async known(ids) {
      const found = users.find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } })
      return (await found.toArray()).map(({ _id }) => _id)
    },
    async check() {
      await client.db().command({ ping: 1 })
    },
    close: () => client.close(),
  }
}
