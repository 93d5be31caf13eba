export type { Cache, CacheRules } from './cache.ts'
export { type Caches, type CachesParts, openCaches } from './caches.ts'
