import type { Area, Case } from '../case.ts'
import { asAnn, forwarded, get, refused } from '../case.ts'
import { encode, type TokenParts, Tokens } from '../tokens.ts'

/** Not believed: it goes where it would go without a move, and nobody gets an identity. */
const NOT_BELIEVED = forwarded({
  to: 'monolith',
  target: '/api/things',
  headers: { 'x-user-id': null, 'x-banyan-identity': null },
})

const forged = (name: string, rule: string, token: (tokens: Tokens) => string): Case => ({
  name,
  rule,
  send: asAnn('/api/things'),
  token,
  expect: NOT_BELIEVED,
})
const made = (name: string, rule: string, parts: TokenParts): Case =>
  forged(name, rule, (tokens) => tokens.make(parts))

const ALG = 'RFC 8725, 2.1 and 3.1: the algorithm is the key’s, not the token’s'
const KID = 'RFC 8725, 3.10: a kid is looked up, never executed or opened'
const KEYS =
  'RFC 8725, 3.10; RFC 7515, 4.1.2 to 4.1.8: keys a token brings or points to are nobody’s'
const CRIT = 'RFC 7515, 4.1.11: an extension that is not understood makes it invalid'
const OTHER = { by: 'other' } as const
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600
const anHourAgo = () => Math.floor(Date.now() / 1000) - 3600

/** Tokens that must not be believed. Of the gateway alone: the others verify none. */
export const TOKENS: Area = {
  name: 'tokens',
  cases: [
    {
      name: 'a good token, for comparison',
      rule: 'RFC 7519, 7.2',
      send: asAnn('/api/things'),
      token: (tokens) => tokens.make(),
      expect: forwarded({ to: 'service', target: '/v1/things', headers: { 'x-user-id': 'ann' } }),
    },
    made('alg none, without a signature', ALG, { header: { alg: 'none' }, by: 'nobody' }),
    made('alg None', ALG, { header: { alg: 'None' }, by: 'nobody' }),
    made('alg none, with a signature', ALG, { header: { alg: 'none' } }),
    made('no alg', ALG, { header: { alg: undefined } }),
    made('alg that is a list', ALG, { header: { alg: ['ES256'] } }),
    made('HS256 with the public key as the secret', ALG, {
      header: { alg: 'HS256' },
      by: 'the public key',
    }),
    made('HS256 with an empty secret', ALG, { header: { alg: 'HS256' }, by: 'the empty secret' }),
    made('another algorithm of the same key', ALG, { header: { alg: 'ES384' } }),
    made('a signature of another key', 'RFC 7515, 5.2', OTHER),
    made('no signature', 'RFC 7515, 5.2', { by: 'nobody' }),
    forged(
      'a signature of zeros (CVE-2022-21449)',
      'FIPS 186-5, 6.4.2: r and s are at least 1',
      (tokens) => tokens.make().replace(/[^.]*$/, Buffer.alloc(64).toString('base64url')),
    ),
    forged('a signature in DER', 'RFC 7518, 3.4: 64 octets, and no other form', (tokens) =>
      tokens.make().replace(/[^.]*$/, (signature) => {
        const octets = Buffer.from(signature, 'base64url')
        const whole = (half: Buffer) => Buffer.concat([Buffer.from([2, 33, 0]), half])
        const both = Buffer.concat([whole(octets.subarray(0, 32)), whole(octets.subarray(32))])
        return Buffer.concat([Buffer.from([0x30, both.length]), both]).toString('base64url')
      }),
    ),
    forged('claims changed after the signature', 'RFC 7515, 5.2', (tokens) => {
      const [head, , signature] = tokens.make().split('.')
      return `${head}.${tokens.make({ claims: { sub: 'admin' } }).split('.')[1]}.${signature}`
    }),
    made('an unknown kid', KID, { header: { kid: 'key-2' } }),
    made('no kid', KID, { header: { kid: undefined } }),
    made('a kid that is a path', KID, {
      header: { kid: '../../../dev/null' },
      by: 'the empty secret',
    }),
    made('a kid that is SQL', KID, { header: { kid: "x' UNION SELECT 'key'--" } }),
    made('a kid that is a command', KID, { header: { kid: 'key-1|id' } }),
    made('a kid that every object has', KID, { header: { kid: '__proto__' } }),
    made('a kid that is a list', KID, { header: { kid: [Tokens.KID] } }),
    made('a kid in other case', KID, { header: { kid: 'KEY-1' } }),
    forged('its own key in jwk', KEYS, (tokens) =>
      tokens.make({ ...OTHER, header: { jwk: tokens.otherKey } }),
    ),
    forged('its own key in jwk, without kid', KEYS, (tokens) =>
      tokens.make({ ...OTHER, header: { jwk: tokens.otherKey, kid: undefined } }),
    ),
    made('a key set elsewhere in jku', KEYS, {
      ...OTHER,
      header: { jku: 'http://127.0.0.1:9/keys' },
    }),
    made('a certificate elsewhere in x5u', KEYS, {
      ...OTHER,
      header: { x5u: 'http://127.0.0.1:9/c' },
    }),
    made('a certificate in x5c', KEYS, { ...OTHER, header: { x5c: ['AAAA'] } }),
    made('a critical extension nobody knows', CRIT, { header: { crit: ['exp2'], exp2: 1 } }),
    made('an empty list of critical extensions', CRIT, { header: { crit: [] } }),
    made('a critical extension that is not there', CRIT, { header: { crit: ['b64'] } }),
    made('claims that are not encoded (b64 false)', 'RFC 7797, 7: not for JWTs', {
      header: { b64: false, crit: ['b64'] },
    }),
    made('expired', 'RFC 7519, 4.1.4', { claims: { exp: anHourAgo() } }),
    made('expired in this second', 'RFC 7519, 4.1.4: on or after it', {
      claims: { exp: Math.floor(Date.now() / 1000) },
    }),
    made('no expiry', 'RFC 8725, 3.12; our rule: exp is required', { claims: { exp: undefined } }),
    made('an expiry that is text', 'RFC 7519, 2: a number', {
      claims: { exp: String(inAnHour()) },
    }),
    made('not valid yet', 'RFC 7519, 4.1.5', { claims: { nbf: inAnHour() } }),
    made('issued in the future, not valid yet as text', 'RFC 7519, 2: a number', {
      claims: { nbf: String(inAnHour()) },
    }),
    made('another audience', 'RFC 7519, 4.1.3; RFC 8725, 3.9', { claims: { aud: 'bank' } }),
    made('an audience that begins alike', 'RFC 7519, 4.1.3', {
      claims: { aud: `${Tokens.AUDIENCE}-admin` },
    }),
    made('no audience', 'RFC 8725, 3.9', { claims: { aud: undefined } }),
    made('another issuer', 'RFC 7519, 4.1.1; RFC 8725, 3.8', {
      claims: { iss: 'https://evil.example' },
    }),
    made('an issuer with a slash more', 'RFC 7519, 4.1.1: compared octet by octet', {
      claims: { iss: `${Tokens.ISSUER}/` },
    }),
    made('a list of issuers', 'RFC 7519, 4.1.1: one string', { claims: { iss: [Tokens.ISSUER] } }),
    made('no subject', 'RFC 8725, 3.8', { claims: { sub: undefined } }),
    made('an empty subject', 'RFC 8725, 3.8', { claims: { sub: '' } }),
    made('a subject that is an object', 'RFC 7519, 4.1.2: a string', {
      claims: { sub: { $ne: 1 } },
    }),
    made('a subject with CR and LF', 'RFC 9110, 5.5: no value of a field may hold them', {
      claims: { sub: 'ann\r\nX-User-Roles: admin' },
      ...OTHER,
    }),
    made('claims that are no JSON', 'RFC 7519, 7.2', { claims: 'ann' }),
    made('claims that are a list', 'RFC 7519, 7.2: an object', { claims: '["ann"]' }),
    made('a nested token', 'RFC 7519, 5.2 and 7.2: its claims are not an object', {
      header: { cty: 'JWT' },
      claims: 'eyJhbGciOiJub25lIn0.e30.',
    }),
    forged('padding in its base64', 'RFC 7515, 2: without', (tokens) => {
      const [head, claims, signature] = tokens.make().split('.')
      return `${head}.${claims}.${signature}==`
    }),
    forged(
      'bits left over in its base64',
      'RFC 4648, 3.5: a decoder may reject it; one token, one spelling',
      (tokens) => {
        const token = tokens.make()
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
        // The last character of 64 octets carries two bits; the other four are nothing's.
        return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1)!) | 1]
      },
    ),
    forged('base64 of the other alphabet', 'RFC 7515, 2: base64url', (tokens) => {
      const token = tokens.make({ claims: { note: '???>>>~~~' } })
      const [head, claims, signature] = token.split('.')
      return `${head}.${claims}.${Buffer.from(signature!, 'base64url').toString('base64')}`
    }),
    forged(
      'a character in its base64 that is none',
      'RFC 7515, 2: base64url',
      (tokens) => `${tokens.make()}*`,
    ),
    forged('four parts', 'RFC 7515, 7.1: three', (tokens) => `${tokens.make()}.x`),
    forged(
      'five parts, encrypted',
      'RFC 7519, 7.2: only signed ones are taken',
      () => `${encode('{"alg":"dir","enc":"A128GCM"}')}..AAAA.AAAA.AAAA`,
    ),
    forged('two parts', 'RFC 7515, 7.1: three', (tokens) =>
      tokens.make().split('.').slice(0, 2).join('.'),
    ),
    forged('nothing', 'RFC 6750, 2.1', () => ''),
    forged('a header that is no JSON', 'RFC 7515, 4', (tokens) =>
      tokens.make().replace(/^[^.]*/, encode('ES256')),
    ),
    forged('a header that is a list', 'RFC 7515, 4: an object', (tokens) =>
      tokens.make().replace(/^[^.]*/, encode('["ES256"]')),
    ),
    {
      ...made('a token of 64 KiB', 'RFC 6585, 5', { claims: { note: 'a'.repeat(64 * 1024) } }),
      expect: refused(431),
    },
    {
      name: 'claims that stand twice',
      rule: 'RFC 7519, 4: refuse it, or take the last; whoever reads it again reads the same',
      send: asAnn('/api/things'),
      token: (tokens) =>
        tokens.make({
          claims: `{"iss":"${Tokens.ISSUER}","aud":"${Tokens.AUDIENCE}","exp":${inAnHour()},"sub":"ann","sub":"bob"}`,
        }),
      expect: forwarded({ to: 'service', target: '/v1/things', headers: { 'x-user-id': 'bob' } }),
    },
    {
      name: 'a good token behind another scheme',
      rule: 'RFC 9110, 11.1: the scheme says how it is read',
      send: get('/api/things', 'Authorization: Basic {token}'),
      token: (tokens) => tokens.make(),
      expect: NOT_BELIEVED,
    },
    {
      name: 'two tokens in one Authorization',
      rule: 'RFC 6750, 2.1: one token',
      send: get('/api/things', 'Authorization: Bearer {token}, Bearer {token}'),
      token: (tokens) => tokens.make(),
      expect: NOT_BELIEVED,
    },
    {
      name: 'a token in the query',
      rule: 'RFC 6750, 2.3: logged and remembered on the way, so not taken',
      send: get('/api/things?access_token={token}'),
      token: (tokens) => tokens.make(),
      expect: forwarded({
        to: 'monolith',
        target: /^\/api\/things\?access_token=ey/,
        headers: { 'x-user-id': null },
      }),
    },
  ],
}
