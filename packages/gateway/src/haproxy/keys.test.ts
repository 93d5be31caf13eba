import { createPublicKey } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import { expect, it } from 'vitest'
import { keysOf } from './keys.ts'

it('of a key set are taken those that HAProxy verifies with, without what is private', async () => {
  const pair = await generateKeyPair('ES256', { extractable: true })
  const leaked = await exportJWK(pair.privateKey)
  const { publicKey: other } = await generateKeyPair('EdDSA')
  const keys = [
    { ...leaked, kid: 'one', use: 'sig' },
    { ...leaked, kid: 'for encryption', use: 'enc' },
    { ...(await exportJWK(other)), kid: 'of another curve' },
    { kty: 'oct', k: 'c2VjcmV0', kid: 'a secret' },
    { kty: 'EC', crv: 'P-256', x: 'no', y: 'point', kid: 'malformed' },
  ]
  const [one, ...rest] = keysOf(JSON.stringify({ keys }))
  expect(rest).toEqual([])
  expect(one).toMatchObject({ kid: 'one', alg: 'ES256' })
  expect(one!.pem).toMatch(/^-----BEGIN PUBLIC KEY-----/)
  expect(createPublicKey(one!.pem).asymmetricKeyType).toBe('ec')
  expect(() => keysOf('{}')).toThrow('not a JSON Web Key Set')
})
