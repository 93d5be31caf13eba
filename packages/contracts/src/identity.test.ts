import { describe, expect, it } from 'vitest'
import { signIdentity, verifyIdentity } from './identity.ts'

const KEY = 'a-key-of-some-length'
const ANN = { userId: 'ann', email: 'ann@example.org', roles: ['user'] }

describe('a signed identity', () => {
  it('is what was signed', () => {
    expect(verifyIdentity(signIdentity(ANN, KEY), KEY)).toEqual(ANN)
  })

  it.each([
    ['nothing', undefined],
    ['a bare user id', 'ann'],
    ['another key', signIdentity(ANN, 'another-key-of-some-length')],
    ['a changed body', signIdentity(ANN, KEY).replace(/^./, 'f')],
    ['a cut signature', signIdentity(ANN, KEY).slice(0, -2)],
    ['a third part', `${signIdentity(ANN, KEY)}.x`],
    ['one that has expired', signIdentity(ANN, KEY, Date.now() - 61_000)],
  ])('is refused: %s', (_, header) => {
    expect(verifyIdentity(header, KEY)).toBeNull()
  })
})
