import express, {
  type Express,
  type NextFunction,
  type Request,
  type Response,
  type Router,
} from 'express'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type pg from 'pg'
import { z } from 'zod'
import { AuthError, read } from './errors.ts'
import { currentKey, publicKeys, rotateKey } from './keys.ts'
import { mintToken } from './mint.ts'
import { AUDIENCE, ISSUER, type Settings } from './settings.ts'
import type { User, UserStore } from './user-store.ts'
import { addUser, findUser } from './users.ts'

const SignUp = z.strictObject({
  email: z.email().max(254),
  password: z.string().min(10).max(200),
})
const SignIn = z.strictObject({
  email: z.string().min(1).max(254),
  password: z.string().min(1).max(200),
})

/**
 * The Auth Service's HTTP application.
 *
 * @param pool of the database that has the signing keys
 * @param internal what other services may ask; null where none is known
 */
export function createApp(
  pool: pg.Pool,
  users: UserStore,
  settings: Settings,
  internal: Router | null,
): Express {
  const app = express()
  app.disable('x-powered-by')
  if (internal) app.use(internal)
  app.use(express.json({ limit: '16kb' }))

  app.get('/health', async (_req, res) => {
    await Promise.all([pool.query('SELECT 1'), users.check()])
    res.json({ status: 'ok' })
  })

  app.get('/.well-known/jwks.json', async (_req, res) => {
    res.set('cache-control', 'public, max-age=60')
    res.json(await publicKeys(pool, settings.TOKEN_LIFETIME_S))
  })

  app.post('/users', async (req, res) => {
    const { email, password } = read(SignUp, req.body)
    const user = await addUser(users, email, password)
    if (!user) throw new AuthError(409, 'EMAIL_TAKEN', 'There is a user with this address already')
    res.status(201).json(user)
  })

  app.post('/sign-in', async (req, res) => {
    const { email, password } = read(SignIn, req.body)
    const user = await findUser(users, email, password)
    if (!user) throw new AuthError(401, 'BAD_CREDENTIALS', 'Address or password is wrong')
    res.set('cache-control', 'no-store')
    res.json({
      accessToken: await token(user),
      tokenType: 'Bearer',
      expiresIn: settings.TOKEN_LIFETIME_S,
      user,
    })
  })

  app.post('/keys/rotate', async (req, res) => {
    await requireAdmin(req)
    const { kid } = await rotateKey(pool, settings.ALGORITHM)
    res.status(201).json({ kid })
  })

  app.use((req) => {
    throw new AuthError(404, 'NOT_FOUND', `There is no ${req.method} ${req.path}`)
  })
  app.use(answerError)
  return app

  async function token(user: User): Promise<string> {
    const key = await currentKey(pool)
    if (!key) throw new Error('there is no signing key')
    const claims = { sub: user.id, email: user.email, roles: user.roles }
    return mintToken(key, claims, { lifetimeS: settings.TOKEN_LIFETIME_S })
  }

  async function requireAdmin(req: Request): Promise<void> {
    const [scheme, bearer] = (req.get('authorization') ?? '').split(' ')
    if (scheme !== 'Bearer' || !bearer) {
      throw new AuthError(401, 'UNAUTHENTICATED', 'Send "Authorization: Bearer …"')
    }
    const keys = createLocalJWKSet(await publicKeys(pool, settings.TOKEN_LIFETIME_S))
    const { payload } = await jwtVerify(bearer, keys, {
      issuer: ISSUER,
      audience: AUDIENCE,
    }).catch(() => {
      throw new AuthError(401, 'UNAUTHENTICATED', 'The access token is not valid')
    })
    if (!Array.isArray(payload.roles) || !payload.roles.includes('admin')) {
      throw new AuthError(403, 'FORBIDDEN', 'Only an admin may do this')
    }
  }
}

function answerError(error: unknown, _req: Request, res: Response, next: NextFunction): void {
  if (res.headersSent) {
    next(error)
    return
  }
  if (error instanceof AuthError) {
    res.status(error.status).json({ error: { code: error.code, message: error.message } })
    return
  }
  // What express.json() throws carries the status it wants to be answered with.
  const { status } = error as { status?: number }
  if (status && status >= 400 && status < 500) {
    res.status(status).json({ error: { code: 'INVALID', message: 'The body is not valid JSON' } })
    return
  }
  console.error(JSON.stringify({ level: 'error', message: String(error) }))
  res.status(500).json({ error: { code: 'INTERNAL', message: 'Something went wrong' } })
}
