import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BucketSet, type RouteTable } from '@banyan/contracts'
import { createGateway } from '@banyan/gateway'
import type { Gate, Ports } from '../gate.ts'
import { Tokens } from '../tokens.ts'

/** Our gateway with its defaults, and once more with short time limits. */
export async function startOurs({ monolith, service }: Ports, tokens: Tokens): Promise<Gate> {
  const keys = createServer((_, response) => response.end(tokens.keySet))
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  const keySet = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`
  const create = (timeouts: object) =>
    createGateway({
      id: 'security',
      listen: { port: 0 },
      admin: { port: 0, token: 'admin-token-of-the-run' },
      monolith: url(monolith),
      identityKey: 'identity-key-of-the-run',
      auth: { kind: 'jwks', url: keySet, issuer: Tokens.ISSUER, audience: Tokens.AUDIENCE },
      table: table(url(monolith), url(service)),
      timeouts: { closeMs: 1_000, ...timeouts },
      // Upstreams that answer badly, one case after the other, would be asked no more.
      breaker: { failures: 'off' },
      logLevel: 'silent',
    })
  const patient = create({})
  const impatient = create({ headMs: 100, bodyMs: 100, answerMs: 100 })
  await Promise.all([patient.listen(), impatient.listen()])
  return {
    port: patient.publicPort,
    impatientPort: impatient.publicPort,
    async close() {
      await Promise.all([patient.close(), impatient.close()])
      keys.closeAllConnections()
      await new Promise((resolve) => keys.close(resolve))
    },
  }
}

function table(monolith: string, target: string): RouteTable {
  const rewrite = { from: '/api/things', to: '/v1/things' }
  return {
    token: 1,
    version: 1,
    monolith,
    extractions: [
      {
        extraction: 'things',
        target,
        routes: ['/api/things', '/api/things/*'].map((path) => ({ methods: [], path, rewrite })),
        targetBuckets: BucketSet.all.toString(),
        hold: null,
        shadow: null,
      },
    ],
  }
}

function url(port: number): string {
  return `http://127.0.0.1:${port}`
}
