import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IdentityVerifier, signIdentity, verifyIdentity } from './identity.ts'

const KEY = 'a key of at least 32 characters!'
const NEXT = 'the key that takes over from it!'
const ANN = { userId: '3f1c', email: 'ann@example.org', roles: ['user'] }

/** Signed as it should be, whatever it says. */
function signed(payload: string): string {
  const [kid] = signIdentity(ANN, KEY).split('.')
  const text = `${kid}.${Buffer.from(payload).toString('base64url')}`
  return `${text}.${createHmac('sha256', KEY).update(text).digest('base64url')}`
}

describe('the signed identity', () => {
  it('comes back as it was signed', () => {
    expect(verifyIdentity(signIdentity(ANN, KEY), KEY)).toEqual(ANN)
    const anonymous = { userId: 'u1', email: null, roles: [] }
    expect(verifyIdentity(signIdentity(anonymous, KEY), KEY)).toEqual(anonymous)
  })

  it.each([
    ['nothing', undefined],
    ['what is no signature', 'abc'],
    ['another key', signIdentity(ANN, 'another-key-of-some-length')],
    ['a changed body', signIdentity(ANN, KEY).replace(/\../, '.f')],
    ['a changed key id', signIdentity(ANN, KEY).replace(/^./, '~')],
    ['a cut signature', signIdentity(ANN, KEY).slice(0, -2)],
    ['a signature with letters that base64url has not', `${signIdentity(ANN, KEY)}=`],
    ['a fourth part', `${signIdentity(ANN, KEY)}.x`],
    ['two headers in one', `${signIdentity(ANN, KEY)}, ${signIdentity(ANN, KEY)}`],
    ['one that has expired', signIdentity(ANN, KEY, Date.now() - 61_000)],
    ['one without a key id', signIdentity(ANN, KEY).replace(/^[^.]+\./, '')],
    ['a body that is no JSON', signed('{"userId":')],
    ['a body that is no object', signed('null')],
    ['a body without an end', signed(JSON.stringify(ANN))],
    ['an end that is none', signed(JSON.stringify({ ...ANN, exp: '9999999999' }))],
    ['a user that is none', signed(JSON.stringify({ ...ANN, userId: '', exp: 9_999_999_999 }))],
    ['roles that are none', signed(JSON.stringify({ ...ANN, roles: 'admin', exp: 9_999_999_999 }))],
    ['roles of another type', signed(JSON.stringify({ ...ANN, roles: [1], exp: 9_999_999_999 }))],
  ])('refuses %s', (_, header) => {
    expect(verifyIdentity(header, KEY)).toBeNull()
    const verifier = new IdentityVerifier(KEY)
    expect([verifier.verify(header), verifier.verify(header)]).toEqual([null, null])
  })

  it('is believed through a change of keys, in whatever order the processes take them up', () => {
    const stages = [[KEY], [KEY, NEXT], [NEXT, KEY], [NEXT]]
    for (let at = 0; at < stages.length; at++) {
      // Neighbouring stages run at the same time while one is rolled out.
      for (const verifier of [at - 1, at, at + 1].flatMap((i) => (stages[i] ? [stages[i]] : []))) {
        expect(verifyIdentity(signIdentity(ANN, stages[at]!), verifier)).toEqual(ANN)
      }
    }
    expect(verifyIdentity(signIdentity(ANN, KEY), [NEXT])).toBeNull()
    expect(() => signIdentity(ANN, [])).toThrow('no identity key')
  })

  it('never throws, whatever is sent', () => {
    const part = fc.oneof(fc.string(), fc.base64String(), fc.json())
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
      // Rightly signed, so that all that reads the body is reached.
      fc.oneof(fc.json(), fc.string()).map(signed),
    )
    fc.assert(
      fc.property(anything, (header) => {
        expect(verifyIdentity(header, KEY)).toBeNull()
      }),
      { numRuns: 500 },
    )
  })
})

describe('a verifier that remembers', () => {
  const now = Date.now()
  const header = signIdentity(ANN, KEY, now)

  it('says the same the second time, and until it expires', () => {
    const verifier = new IdentityVerifier([NEXT, KEY])
    for (const ms of [0, 1, 59_000]) expect(verifier.verify(header, now + ms)).toEqual(ANN)
    expect(verifier.verify(header, now + 61_000)).toBeNull()
  })

  it("believes nobody for what is nearly another's", () => {
    const verifier = new IdentityVerifier(KEY)
    expect(verifier.verify(header, now)).toEqual(ANN)
    for (const forged of [`${header}=`, header.slice(0, -1), header.toUpperCase(), ` ${header}`]) {
      expect(verifier.verify(forged, now)).toBeNull()
    }
  })

  it('knows each of more users than it remembers, whatever callers do to what they were given', () => {
    const verifier = new IdentityVerifier(KEY, 3)
    const users = Array.from({ length: 10 }, (_, n) => ({ ...ANN, userId: `user ${n}` }))
    const headers = users.map((user) => signIdentity(user, KEY, now))
    for (let round = 0; round < 2; round++) {
      for (const [n, one] of headers.entries()) {
        const found = verifier.verify(one, now)
        expect(found).toEqual(users[n])
        // What a caller does to it is nobody else's.
        Object.assign(found!, { userId: 'another', email: null })
      }
    }
  })
})
