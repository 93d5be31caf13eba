import { BlockList, isIP, isIPv6 } from 'node:net'

/** Tells where a request comes from, through proxies that are known and no others. */
export class ClientAddress {
  readonly #proxies = new BlockList()
  readonly #any: boolean

  /** @throws an Error that names what is neither an address nor a network. */
  constructor(proxies: readonly string[]) {
    this.#any = proxies.length > 0
    for (const given of proxies) {
      const [address = '', bits] = given.split('/')
      const family = familyOf(address)
      const most = family === 'ipv6' ? 128 : 32
      if (!isIP(address) || (bits !== undefined && !(/^\d+$/.test(bits) && Number(bits) <= most))) {
        throw new Error(
          `"${given}" is no address and no network; allowed is 10.0.0.7 or 10.0.0.0/8`,
        )
      }
      this.#proxies.addSubnet(address, bits === undefined ? most : Number(bits), family)
    }
  }

  /**
   * @param socketAddress of the connection.
   * @param forwardedFor of the request as it came, its own words: believed as far as proxies wrote it.
   */
  of(socketAddress: string | undefined, forwardedFor: string | undefined): string {
    let address = plain(socketAddress ?? 'unknown')
    if (this.#any && forwardedFor !== undefined) {
      const before = forwardedFor.split(',')
      while (before.length > 0 && this.#isProxy(address)) {
        const named = plain(before.pop()!.trim())
        if (!isIP(named)) break
        address = named
      }
    }
    return isIPv6(address) ? network64(address) : address
  }

  /** Whether a connection from there is one of a known proxy's. */
  isProxy(socketAddress: string | undefined): boolean {
    return this.#any && this.#isProxy(plain(socketAddress ?? 'unknown'))
  }

  #isProxy(address: string): boolean {
    return isIP(address) !== 0 && this.#proxies.check(address, familyOf(address))
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

/** IPv4 as such, where the socket is of both families. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** One household or server has all of a /64: it could come from another address each time. */
function network64(address: string): string {
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const end = tail === '' ? [] : tail.split(':')
    while (groups.length + end.length < 8) groups.push('0')
    groups.push(...end)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
