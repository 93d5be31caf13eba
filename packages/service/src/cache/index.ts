export type { Cache, CacheRules } from './cache.ts'
export { type Caches, type CachesParts, openCaches } from './caches.ts'
export type { HeardCache, HeardCacheRules } from './heard-cache.ts'
