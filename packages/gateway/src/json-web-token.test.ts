import { createServer } from 'node:http'
import { bucketOf } from '@banyan/contracts'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Credentials } from './credentials.ts'
import { jwksVerifier, secretVerifier, type TokenVerifier } from './json-web-token.ts'
import { listen } from './testing.ts'

type Key = Awaited<ReturnType<typeof generateKeyPair>>
let first: Key
let second: Key

beforeAll(async () => {
  first = await generateKeyPair('ES256')
  second = await generateKeyPair('ES256')
})

const jwk = async (key: Key, kid: string, more: JWK | object = {}) => ({
  ...(await exportJWK(key.publicKey)),
  kid,
  ...more,
})

interface TokenParts {
  key?: Key['privateKey'] | Uint8Array
  header?: object
  claims?: object
  without?: string[]
}

async function token({ key, header, claims, without = [] }: TokenParts = {}): Promise<string> {
  const all: Record<string, unknown> = {
    iss: 'issuer',
    aud: 'audience',
    exp: Math.floor(Date.now() / 1000) + 600,
    sub: 'ann',
    email: 'ann@example.org',
    roles: ['admin', 7],
    ...claims,
  }
  for (const claim of without) delete all[claim]
  return new SignJWT(all)
    .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
    .sign(key ?? first.privateKey)
}

/** A key set server that can be changed and taken away. */
async function keySet(keys: unknown[]) {
  const state = { keys, down: false, fetches: 0, now: 0 }
  const server = createServer((_, response) => {
    state.fetches++
    if (state.down) response.statusCode = 500
    response.end(JSON.stringify({ keys: state.keys }))
  })
  const url = await listen(server)
  const verifier = jwksVerifier(
    { kind: 'jwks', url, issuer: 'issuer', audience: 'audience' },
    { now: () => state.now },
  )
  return { state, verifier }
}

const stateOf = async (verifier: TokenVerifier, given: string | Promise<string>) =>
  ((await verifier.verify(await given)) as Credentials).state

it('takes a good token, and knows it at once the second time', async () => {
  const { state, verifier } = await keySet([await jwk(first, 'one')])
  const good = await token()
  const credentials = await verifier.verify(good)
  expect(credentials).toMatchObject({
    state: 'valid',
    caller: {
      identity: { userId: 'ann', email: 'ann@example.org', roles: ['admin'] },
      bucket: bucketOf('ann'),
    },
  })
  expect(verifier.verify(good)).toBe(credentials)
  expect(state.fetches).toBe(1)
})

it('knows a token by the connection it came on last, and no other token there by it', async () => {
  const { verifier } = await keySet([await jwk(first, 'one')])
  const [ann, bob] = [await token(), await token({ claims: { sub: 'bob' } })]
  const connection = {}
  const [annKnown, bobKnown] = [await verifier.verify(ann), await verifier.verify(bob)]
  for (const [given, known] of [
    [ann, annKnown],
    [ann, annKnown],
    [bob, bobKnown],
    [ann, annKnown],
  ] as const) {
    expect(verifier.verify(given, connection)).toBe(known)
  }
  expect(await verifier.verify(`${ann.slice(0, -2)}AA`, connection)).toEqual({ state: 'invalid' })
  expect(await verifier.verify(bob, connection)).toBe(bobKnown)
})

describe('once a token was verified', () => {
  const connection = {}
  afterEach(() => {
    vi.useRealTimers()
  })
  const minutesLater = (minutes: number) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + minutes * 60_000 })
  }

  it('it is good until it says that it is over, and never after', async () => {
    const { verifier } = await keySet([await jwk(first, 'one')])
    const given = await token()
    const known = await verifier.verify(given, connection)
    minutesLater(9)
    expect(verifier.verify(given, connection)).toBe(known)
    minutesLater(2)
    for (let i = 0; i < 3; i++) {
      expect(await verifier.verify(given, connection)).toEqual({ state: 'invalid' })
    }
  })

  it('it is verified anew after a minute where it does not say when it is over', async () => {
    const verifier = secretVerifier({ kind: 'secret', secret: 'shared' })
    const given = await token({
      key: new TextEncoder().encode('shared'),
      header: { alg: 'HS256', kid: undefined },
      without: ['exp'],
    })
    const known = await verifier.verify(given, connection)
    expect(known).toMatchObject({ state: 'valid' })
    minutesLater(2)
    const again = await verifier.verify(given, connection)
    expect(again).toMatchObject({ state: 'valid' })
    expect(again).not.toBe(known)
    expect(verifier.verify(given, connection)).toBe(again)
  })
})

describe('refuses', () => {
  it('claims that are wrong, missing or over', async () => {
    const { verifier } = await keySet([await jwk(first, 'one')])
    const now = Math.floor(Date.now() / 1000)
    for (const claims of [{ iss: 'x' }, { aud: 'x' }, { exp: now - 1 }, { nbf: now + 60 }]) {
      expect(await stateOf(verifier, token({ claims })), JSON.stringify(claims)).toBe('invalid')
    }
    for (const claim of ['iss', 'aud', 'exp', 'sub']) {
      expect(await stateOf(verifier, token({ without: [claim] })), claim).toBe('invalid')
    }
    expect(await stateOf(verifier, token({ claims: { sub: '' } }))).toBe('invalid')
    expect(await stateOf(verifier, token({ claims: { sub: { $ne: 1 } } }))).toBe('invalid')
  })

  it('a signature of another key, and what is no token', async () => {
    const { verifier } = await keySet([await jwk(first, 'one')])
    expect(await stateOf(verifier, token({ key: second.privateKey }))).toBe('invalid')
    const good = await token()
    const [head, body] = good.split('.')
    for (const bad of ['', '.', 'a.b.c', `${head}.${body}.`, `${head}.${body}`, `${good}.x`]) {
      expect(await stateOf(verifier, bad), bad).toBe('invalid')
    }
  })

  it('an algorithm that is not the key’s: none, and HS256 with the public key as secret', async () => {
    const key = await jwk(first, 'one')
    const { verifier } = await keySet([key, { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' }])
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = (await token()).split('.')[1]
    expect(await stateOf(verifier, `${encode({ alg: 'none', kid: 'one' })}.${claims}.`)).toBe(
      'invalid',
    )
    const asSecret = new TextEncoder().encode(JSON.stringify(key))
    const confused = token({ key: asSecret, header: { alg: 'HS256' } })
    expect(await stateOf(verifier, confused)).toBe('invalid')
    const symmetric = token({
      key: new TextEncoder().encode('secret'),
      header: { alg: 'HS256', kid: 'secret' },
    })
    expect(await stateOf(verifier, symmetric)).toBe('invalid')
  })

  it('keys that the token brings or points to', async () => {
    const { state, verifier } = await keySet([await jwk(first, 'one')])
    const mine = await exportJWK(second.publicKey)
    for (const header of [
      { jwk: mine },
      { jku: 'http://127.0.0.1:1/' },
      { x5u: 'http://127.0.0.1:1/' },
    ]) {
      expect(await stateOf(verifier, token({ key: second.privateKey, header }))).toBe('invalid')
    }
    expect(state.fetches).toBe(1)
  })

  it('a kid that is none: prototype names, wrong types, a key for encryption', async () => {
    const { verifier } = await keySet([
      await jwk(first, 'one'),
      await jwk(second, 'two', { use: 'enc' }),
    ])
    for (const kid of ['__proto__', 'constructor', '', 'One', '../one']) {
      expect(await stateOf(verifier, token({ header: { kid } })), kid).toBe('invalid')
    }
    expect(await stateOf(verifier, token({ header: { kid: undefined } }))).toBe('invalid')
    expect(await stateOf(verifier, token({ key: second.privateKey, header: { kid: 'two' } }))).toBe(
      'invalid',
    )
  })
})

it('fetches once for an unknown kid, then not again until the cool-down is over', async () => {
  const { state, verifier } = await keySet([await jwk(first, 'one')])
  expect(await stateOf(verifier, token())).toBe('valid')
  const keys = [await jwk(first, 'one'), await jwk(second, 'two')]
  const rotated = await token({ key: second.privateKey, header: { kid: 'two' } })
  const all = await Promise.all(Array.from({ length: 9 }, () => stateOf(verifier, rotated)))
  expect(new Set(all)).toEqual(new Set(['invalid']))
  expect(state.fetches).toBe(2)
  state.keys = keys
  expect(await stateOf(verifier, rotated)).toBe('invalid')
  expect(state.fetches).toBe(2)
  state.now = 11_000
  const both = await Promise.all([stateOf(verifier, rotated), stateOf(verifier, rotated)])
  expect(both).toEqual(['valid', 'valid'])
  expect(state.fetches).toBe(3)
})

it('forgets verified tokens when the keys change', async () => {
  const { state, verifier } = await keySet([await jwk(first, 'one')])
  const old = await token()
  const connection = {}
  for (let i = 0; i < 2; i++) {
    expect(await verifier.verify(old, connection)).toMatchObject({ state: 'valid' })
  }
  state.keys = [await jwk(second, 'two')]
  state.now = 11_000
  expect(await stateOf(verifier, token({ key: second.privateKey, header: { kid: 'two' } }))).toBe(
    'valid',
  )
  expect(await verifier.verify(old, connection)).toEqual({ state: 'invalid' })
  expect(await stateOf(verifier, old)).toBe('invalid')
})

it('goes on with old keys through an outage, and says so when it has none', async () => {
  const { state, verifier } = await keySet([await jwk(first, 'one')])
  state.down = true
  await expect(verifier.verify(await token())).rejects.toMatchObject({
    code: 'UPSTREAM_UNREACHABLE',
  })
  state.down = false
  expect(await stateOf(verifier, token())).toBe('valid')
  state.down = true
  state.now = 1_000_000
  expect(await stateOf(verifier, token({ claims: { jti: 'another' } }))).toBe('valid')
})

it('verifies tokens of a shared secret, with any claim as the subject', async () => {
  const verifier = secretVerifier({ kind: 'secret', secret: 'shared', claim: 'user' })
  const key = new TextEncoder().encode('shared')
  const sign = (bytes: Uint8Array, claims: object) =>
    token({ key: bytes, header: { alg: 'HS256', kid: undefined }, claims, without: ['exp'] })
  expect(await verifier.verify(await sign(key, { user: 42 }))).toMatchObject({
    state: 'valid',
    caller: { identity: { userId: '42' } },
  })
  expect(await stateOf(verifier, sign(new TextEncoder().encode('other'), { user: 42 }))).toBe(
    'invalid',
  )
})
