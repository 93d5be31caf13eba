import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GatewayRegistration, RouteTable } from '@banyan/contracts'
import { request } from 'undici'

const LEASE_MS = 8_000

/** As much of a control plane as gateways need: leases, and tables that are given to all of them at once. */
export class Control {
  readonly #token: string
  readonly #gateways = new Map<string, string>()
  readonly #server = createServer(async (asked, response) => {
    const { url = '', method } = asked
    const id = decodeURIComponent(url.split('/')[3] ?? '')
    if (method === 'DELETE') this.#gateways.delete(id)
    else if (id === '') {
      const registration = (await json(asked)) as GatewayRegistration
      this.#gateways.set(registration.id, registration.adminUrl)
    } else if (!this.#gateways.has(id)) {
      response.writeHead(404).end()
      return
    }
    response.end(JSON.stringify({ leaseMs: LEASE_MS, table: this.#table }))
  })
  #table: RouteTable

  constructor(token: string, table: RouteTable) {
    this.#token = token
    this.#table = table
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  /** Gives a table to every gateway. @returns ms until all have acknowledged it. */
  async publish(table: RouteTable): Promise<number> {
    const began = performance.now()
    this.#table = table
    await Promise.all([...this.#gateways].map(([id, adminUrl]) => this.#give(id, adminUrl, table)))
    return performance.now() - began
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #give(id: string, adminUrl: string, table: RouteTable): Promise<void> {
    try {
      const { statusCode, body } = await request(`${adminUrl}/table?drainMs=0`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${this.#token}` },
        body: JSON.stringify(table),
      })
      await body.dump()
      if (statusCode !== 200) throw new Error(`${id} answered ${statusCode}`)
    } catch (error) {
      // One that has left meanwhile need not know.
      if (this.#gateways.has(id)) throw error
    }
  }
}

async function json(asked: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const piece of asked) text += String(piece)
  return JSON.parse(text)
}
