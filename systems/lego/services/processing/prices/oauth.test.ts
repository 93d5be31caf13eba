import { expect, it } from 'vitest'
import { authorization, baseString } from './oauth.ts'

const KEYS = {
  consumerKey: 'dpf43f3p2l4k3l03',
  consumerSecret: 'kd94hf93k423kf44',
  token: 'nnch734d00sl2jdk',
  tokenSecret: 'pfkkdhi9sl3r4s00',
}
const PHOTO = new URL('http://photos.example.net/photos?file=vacation.jpg&size=original')

it('signs as RFC 5849 does in its first example', () => {
  const moment = { nonce: 'chapoH', timestamp: 137_131_202, version: null }
  expect(authorization('GET', PHOTO, KEYS, moment)).toContain(
    'oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"',
  )
})

it('signs as OAuth Core 1.0 does in its appendix', () => {
  const moment = { nonce: 'kllo9940pd9333jh', timestamp: 1_191_242_096, version: '1.0' } as const
  expect(authorization('GET', PHOTO, KEYS, moment)).toContain(
    'oauth_signature="tR3%2BTy81lMeYAr%2FFid0kMTYa%2FWM%3D"',
  )
})

it('makes the base string of RFC 5849, 3.4.1.1', () => {
  const url = new URL('http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b')
  const parameters = [
    ['oauth_consumer_key', '9djdj82h48djs9d2'],
    ['oauth_token', 'kkk9d7dh3k39sjv7'],
    ['oauth_signature_method', 'HMAC-SHA1'],
    ['oauth_timestamp', '137131201'],
    ['oauth_nonce', '7d8f3e4a'],
    // Of the form that the example posts.
    ['c2', ''],
    ['a3', '2 q'],
  ] as const
  expect(baseString('post', url, parameters)).toBe(
    'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7',
  )
})
