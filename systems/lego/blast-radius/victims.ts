/** Services that MOC management leans on, or tells of what it does; then those it has nothing to do with. */
export const VICTIMS = [
  'gallery',
  'search',
  'storage',
  'inventory',
  'processing',
  'profile',
  'wishlist',
] as const
export type Victim = (typeof VICTIMS)[number]
