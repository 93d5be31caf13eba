import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { base64url, type CryptoKey, exportSPKI, importJWK, type JWK, SignJWT } from 'jose'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { keySetFrom, newServiceKey, type ServiceKeyPair, SigningKey } from './service-key.ts'
import { ServiceTokenVerifier } from './service-token-verifier.ts'
import { ServiceTokens } from './service-tokens.ts'

const ISSUER = 'shop.example'
let albums: ServiceKeyPair
let wishes: ServiceKeyPair

beforeAll(async () => {
  albums = await newServiceKey('albums')
  wishes = await newServiceKey('wishes', 'EdDSA')
})

const setOf = (...keys: JWK[]) => JSON.stringify({ keys })

function verifier(keys: string, more: { now?: () => number } = {}): ServiceTokenVerifier {
  return new ServiceTokenVerifier({
    audience: 'stock',
    issuer: ISSUER,
    keys: keySetFrom(keys),
    ...more,
  })
}

function tokensOf(name: string, key: ServiceKeyPair, more: { now?: () => number } = {}) {
  const signing = new SigningKey(JSON.stringify(key.privateJwk))
  return new ServiceTokens({ name, issuer: ISSUER, key: signing, ...more })
}

const now = () => Math.floor(Date.now() / 1000)

/** A token of the albums service for the stock service, but for what is said. */
async function token(claims: object = {}, header: object = {}, signer: JWK = albums.privateJwk) {
  const all = { iss: ISSUER, aud: 'stock', sub: 'albums', iat: now(), exp: now() + 120, jti: 'j' }
  const alg = signer.crv === 'Ed25519' ? 'EdDSA' : 'ES256'
  const given = Object.entries({ ...all, ...claims }).filter(([, value]) => value !== undefined)
  return new SignJWT(Object.fromEntries(given))
    .setProtectedHeader({ alg, kid: albums.publicJwk.kid, ...header })
    .sign(await importJWK(signer, alg))
}

const unsigned = (header: object, of: string) =>
  `${base64url.encode(JSON.stringify(header))}.${of.split('.')[1]}.`

describe('a service token', () => {
  it('says who calls whom, with keys of either kind', async () => {
    const stock = verifier(setOf(albums.publicJwk, wishes.publicJwk))
    expect(await stock.verify(await tokensOf('albums', albums).for('stock'))).toBe('albums')
    expect(await stock.verify(await tokensOf('wishes', wishes).for('stock'))).toBe('wishes')
    expect(await stock.verify(await tokensOf('wishes', wishes).for('billing'))).toBeNull()
  })

  it('is signed once for many calls, and anew when half its life is over', async () => {
    let time = Date.now()
    const tokens = tokensOf('albums', albums, { now: () => time })
    const first = await tokens.for('stock')
    time += 59_000
    expect(await tokens.for('stock')).toBe(first)
    expect(await tokens.for('billing')).not.toBe(first)
    time += 2_000
    expect(await tokens.for('stock')).not.toBe(first)
  })

  it('lives between one minute and five', () => {
    const key = new SigningKey(JSON.stringify(albums.privateJwk))
    for (const lifetimeS of [59, 301, Number.NaN]) {
      expect(() => new ServiceTokens({ name: 'a', issuer: 'b', key, lifetimeS })).toThrow(
        'allowed 60 to 300',
      )
    }
  })

  it('is refused when anything about it is wrong', async () => {
    const stock = verifier(
      setOf(albums.publicJwk, wishes.publicJwk, { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' }),
    )
    const good = await token()
    expect(await stock.verify(good)).toBe('albums')
    const [head, body, signature] = good.split('.')
    const kid = albums.publicJwk.kid
    const publicKey = (await importJWK(albums.publicJwk, 'ES256')) as CryptoKey
    const pem = await exportSPKI(publicKey)
    const hs256 = (secret: string, name: string) =>
      new SignJWT({ iss: ISSUER, aud: 'stock', sub: 'albums', jti: 'j' })
        .setProtectedHeader({ alg: 'HS256', kid: name })
        .setIssuedAt()
        .setExpirationTime('2m')
        .sign(new TextEncoder().encode(secret))
    const attacker = await newServiceKey('albums')
    const forged = (header: object) => token({}, header, attacker.privateJwk)

    const cases: Record<string, string> = {
      nothing: '',
      'no token': 'abc',
      'alg none': unsigned({ alg: 'none', kid }, good),
      'alg None': unsigned({ alg: 'None', kid }, good),
      'no alg': unsigned({ kid }, good),
      'a cut signature': `${head}.${body}.${signature!.slice(0, -4)}`,
      'no signature': `${head}.${body}.`,
      'a zero signature': `${head}.${body}.${base64url.encode(new Uint8Array(64))}`,
      'a changed body': `${head}.${base64url.encode(`{"sub":"admin"}`)}.${signature}`,
      'the public key as a secret': await hs256(pem, kid),
      'the JWK as a secret': await hs256(JSON.stringify(albums.publicJwk), kid),
      'a symmetric key that stands in the set': await hs256('secret', 'secret'),
      'an unknown key': await forged({ kid: 'unknown' }),
      'another key under a known kid': await forged({}),
      'its own key in jwk': await forged({ jwk: attacker.publicJwk }),
      'its own key in jku': await forged({ jku: 'http://127.0.0.1:1/jwks' }),
      'its own key in x5u': await forged({ x5u: 'http://127.0.0.1:1/cert' }),
      'its own certificate in x5c': await forged({ x5c: ['MIIB'] }),
      'an unknown critical header': `${base64url.encode(
        JSON.stringify({ alg: 'ES256', kid, crit: ['x'], x: 1 }),
      )}.${body}.${signature}`,
      'a kid with a path': await forged({ kid: '../../../dev/null' }),
      'a kid with SQL': await forged({ kid: `' OR '1'='1` }),
      'a kid of every object': await forged({ kid: '__proto__' }),
      'no kid': await token({}, { kid: undefined }),
      'another’s algorithm': await token({}, { kid: wishes.publicJwk.kid }),
      'another service’s name': await token({ sub: 'wishes' }),
      'another service’s key': await token({}, { kid: wishes.publicJwk.kid }, wishes.privateJwk),
      'another issuer': await token({ iss: 'staging.example' }),
      'another audience': await token({ aud: 'billing' }),
      'several audiences': await token({ aud: ['stock', 'billing'] }),
      'an end that is over': await token({ iat: now() - 200, exp: now() - 60 }),
      'a start in the future': await token({ nbf: now() + 60 }),
      'issued in the future': await token({ iat: now() + 60 }),
      'a life too long': await token({ exp: now() + 3_600 }),
      'issued too long ago': await token({ iat: now() - 3_600 }),
      'no issuer': await token({ iss: undefined }),
      'no audience': await token({ aud: undefined }),
      'no subject': await token({ sub: undefined }),
      'an empty subject': await token({ sub: '' }),
      'no end': await token({ exp: undefined }),
      'no issue time': await token({ iat: undefined }),
      'no id': await token({ jti: undefined }),
      'two tokens': `${good}, ${good}`,
      'a token with a scheme': `Bearer ${good}`,
      'five parts': `${good}.a.b`,
    }
    const taken: string[] = []
    for (const [name, given] of Object.entries(cases)) {
      if ((await stock.verify(given)) !== null) taken.push(name)
    }
    expect(taken).toEqual([])
    expect(Object.keys(cases).length).toBeGreaterThan(40)
  })

  it('never makes the verifier throw, whatever is sent', async () => {
    const stock = verifier(setOf(albums.publicJwk))
    const part = fc.oneof(
      fc.string(),
      fc.json().map((json) => base64url.encode(json)),
    )
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(anything, async (given) => {
        expect(await stock.verify(given)).toBeNull()
      }),
      { numRuns: 200 },
    )
  })

  it('is not taken from memory once it has ended or its key is gone', async () => {
    const file = join(await folder(), 'keys.json')
    await writeFile(file, setOf(albums.publicJwk))
    let time = 0
    const stock = verifier(file, { now: () => time })
    const good = await token()
    expect(await stock.verify(good)).toBe('albums')
    await writeFile(file, setOf(wishes.publicJwk))
    expect(await stock.verify(good)).toBe('albums')
    time = 61_000
    await expect.poll(() => stock.verify(good)).toBeNull()
  })
})

describe('a change of keys', () => {
  it.each(['a file', 'a URL'])('refuses no request, with the set in %s', async (kind) => {
    const next = await newServiceKey('albums')
    const home = await folder()
    const secret = join(home, 'secret.json')
    await writeFile(secret, JSON.stringify(albums.privateJwk))
    const set = await publishedSet(kind, home)
    await set.publish(setOf(albums.publicJwk))
    let time = 0
    const tick = () => time
    const tokens = new ServiceTokens({
      name: 'albums',
      issuer: ISSUER,
      key: new SigningKey(secret, tick),
    })
    const stock = verifier(set.setting, { now: tick })
    const kids = new Set<string>()
    const call = async () => {
      const given = await tokens.for('stock')
      kids.add(JSON.parse(Buffer.from(given.split('.')[0]!, 'base64url').toString()).kid)
      return stock.verify(given)
    }
    const steps = [
      () => {},
      () => set.publish(setOf(albums.publicJwk, next.publicJwk)),
      () => writeFile(secret, '{"half'),
      () => writeFile(secret, JSON.stringify(next.privateJwk)),
      () => set.publish(setOf(next.publicJwk)),
      () => set.takeAway(),
    ]
    for (const step of steps) {
      await step()
      for (let call10s = 0; call10s < 15; call10s++) {
        time += 10_001
        expect(await call(), `${step}`).toBe('albums')
      }
    }
    expect(kids).toEqual(new Set([albums.publicJwk.kid, next.publicJwk.kid]))
  })

  it('says what a private key must be, and does not say what it is', async () => {
    for (const bad of ['{"d":"s3cret"', '{"d":"s3cret"}', '{"kty":"RSA","d":"s3cret","kid":"a"}']) {
      const message = await new SigningKey(bad).current().catch((error: Error) => error.message)
      expect(message).toMatch(/private JSON Web Key/)
      expect(message).not.toContain('s3cret')
    }
    await expect(new SigningKey('/nowhere/key.json').current()).rejects.toThrow('/nowhere/key.json')
  })
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'service-keys-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

/** A key set that can be replaced and taken away, behind a file or a URL. */
async function publishedSet(kind: string, home: string) {
  const file = join(home, 'set.json')
  if (kind === 'a file') {
    const publish = (text: string) => writeFile(file, text)
    return { setting: file, publish, takeAway: () => rm(file) }
  }
  let text: string | null = null
  const server = createServer((_, response) => {
    response.statusCode = text === null ? 500 : 200
    response.end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const put = (given: string | null) => {
    text = given
  }
  const setting = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  return { setting, publish: put, takeAway: () => put(null) }
}
