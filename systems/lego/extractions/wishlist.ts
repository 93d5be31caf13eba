import type { TablesPlan } from '@banyan/migration'
import { THEMES } from '../services/wishlist/themes.ts'
import { conditions, serviceAt } from './settings.ts'

/** Clients know a theme by its name, the service stores a code. */
const themeCode = {
  from: ['category'],
  sql: `CASE category ${Object.entries(THEMES)
    .map(([code, name]) => `WHEN '${name}' THEN '${code}'`)
    .join(' ')} END`,
}
const themeName = {
  from: ['theme'],
  sql: `CASE theme ${Object.entries(THEMES)
    .map(([code, name]) => `WHEN '${code}' THEN '${name}'`)
    .join(' ')} END`,
}

const rewrite = { from: '/api/wishlist', to: '/v1/wishlist' }

export const wishlist: TablesPlan = {
  name: 'wishlist',
  service: serviceAt('wishlist', 9400),
  routes: [
    { methods: [], path: '/api/wishlist', rewrite },
    { methods: [], path: '/api/wishlist/*', rewrite },
  ],
  tables: [
    {
      source: 'public.wishlist_items',
      target: 'wishlist.items',
      owner: 'user_id',
      forward: {
        id: 'id',
        owner_id: 'user_id',
        title: 'title',
        notes: 'description',
        product_url: 'product_link',
        image_url: 'image_url',
        theme: themeCode,
        position: 'sort_order',
        quantity: 'quantity',
        price_cents: { from: ['price'], sql: '(price * 100)::bigint' },
        acquired: 'is_acquired',
        created_at: 'created_at',
        updated_at: 'updated_at',
      },
      backward: {
        category: themeName,
        price: { from: ['price_cents'], sql: 'price_cents::numeric / 100' },
      },
      // numeric knows "not a number", and NaN >= 0 is true; the monolith never writes one.
      holds: ["price <> 'NaN'"],
    },
    {
      source: 'public.wishlist_reorders',
      target: 'wishlist.pending_reorders',
      owner: 'user_id',
      forward: {
        owner_id: 'user_id',
        item_ids: 'item_ids',
        requested_at: 'requested_at',
        due_at: 'due_at',
      },
    },
  ],
  ...conditions,
}
