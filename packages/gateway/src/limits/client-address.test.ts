import { expect, it } from 'vitest'
import { ClientAddress } from './client-address.ts'

it('believes nobody about an address when no proxy is known', () => {
  expect(new ClientAddress([]).of('203.0.113.7', '198.51.100.1')).toBe('203.0.113.7')
})

it('takes the last address that no known proxy has, and not what its client wrote before it', () => {
  const address = new ClientAddress(['10.0.0.0/8', '192.0.2.5'])
  expect(address.of('10.1.2.3', '198.51.100.1, 203.0.113.7')).toBe('203.0.113.7')
  expect(address.of('::ffff:10.1.2.3', '6.6.6.6, 203.0.113.7, 192.0.2.5')).toBe('203.0.113.7')
  expect(address.of('203.0.113.9', '198.51.100.1')).toBe('203.0.113.9')
  expect(address.of('10.1.2.3', 'unknown')).toBe('10.1.2.3')
  expect(address.of('10.1.2.3', undefined)).toBe('10.1.2.3')
  expect(address.of('10.1.2.3', '10.9.9.9')).toBe('10.9.9.9')
})

it('takes all of an IPv6 network for one caller', () => {
  const address = new ClientAddress([])
  expect(address.of('2001:db8:1:2:3:4:5:6', undefined)).toBe('2001:db8:1:2::/64')
  expect(address.of('2001:db8:1:2::9', undefined)).toBe('2001:db8:1:2::/64')
  expect(address.of('2001:0db8::1', undefined)).toBe('2001:db8:0:0::/64')
  expect(address.of('::1', undefined)).toBe('0:0:0:0::/64')
})

it('names what is no network', () => {
  for (const given of ['example.org', '10.0.0.0/33', '10.0.0.0/', '::/129', '']) {
    expect(() => new ClientAddress([given])).toThrow(`"${given}" is no address`)
  }
})
