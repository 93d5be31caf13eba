import { type AuthSetting, BanyanError, type RouteTable, type TlsSetting } from '@banyan/contracts'
import type { HaproxySettings } from './configuration.ts'

const NAME = 'HAProxy'

/** @throws BanyanError DATA_PLANE_LACKS when HAProxy cannot find out who asks. */
export function checkAuth(auth: AuthSetting): void {
  if (auth.kind !== 'session') return
  throw lack(
    'look sessions up in a database (gateway.auth of kind "session")',
    'Serve this plan with --data-plane banyan.',
  )
}

/** @throws BanyanError DATA_PLANE_LACKS: without it, clients would be served in the clear. */
export function checkTls(tls: TlsSetting | undefined): void {
  if (!tls) return
  throw lack(
    'end TLS (gateway.tls)',
    'Have what stands in front of it end TLS, or serve this plan with --data-plane banyan.',
  )
}

/**
 * Refuses a table that HAProxy, as it was configured, would serve otherwise than it says.
 *
 * @throws BanyanError DATA_PLANE_LACKS that says what, and what to do.
 */
export function checkTable(table: RouteTable, { targets, monolith }: HaproxySettings): void {
  for (const { extraction, target, routes } of table.extractions) {
    const known = targets[extraction]
    if (known === undefined || plain(known) !== plain(target)) {
      throw lack(
        `send "${extraction}" to ${target}: ${known === undefined ? 'it was started without it' : `it was started with ${known}`}`,
        'Start it again with the plan that the engine has.',
      )
    }
    const inBody = routes.find(({ owner }) => owner?.from === 'body')
    if (inBody) {
      throw lack(
        `read the owner of ${inBody.path} from the body`,
        'Name the owner in path, query, header or token, or serve this plan with --data-plane banyan.',
      )
    }
  }
  if (table.monolith !== '' && plain(table.monolith) !== plain(monolith)) {
    throw lack(
      `send requests to the monolith at ${table.monolith}: it was started with ${monolith}`,
      'Start it again with the plan that the engine has.',
    )
  }
}

const plain = (url: string) => url.replace(/\/$/, '')

function lack(what: string, next: string): BanyanError {
  return new BanyanError('DATA_PLANE_LACKS', { dataPlane: NAME, what, next })
}
