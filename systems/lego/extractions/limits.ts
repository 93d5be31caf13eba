import type { LimitRule, LimitSetting } from '@banyan/contracts'
import { number } from './settings.ts'

const { env } = process

/** So many requests a minute of each user; `LIMIT_NAME` says another number. */
function limit(name: string, paths: readonly string[], requests: number): LimitRule {
  const given = number(`LIMIT_${name.toUpperCase()}`, requests)
  return { name, paths, per: 'user', requests: given, seconds: 60 }
}

/** As the document has them; `LIMITS=off` for those who make load. */
export const limits: LimitSetting = {
  rules:
    env.LIMITS === 'off'
      ? []
      : [
          limit('mocs', ['/api/mocs'], 100),
          limit('gallery', ['/api/gallery', '/api/images', '/api/albums'], 200),
          limit('wishlist', ['/api/wishlist'], 150),
        ],
  // The web page asks on behalf of browsers.
  proxies: (env.PROXIES ?? '127.0.0.1,::1').split(',').filter((proxy) => proxy !== ''),
}
