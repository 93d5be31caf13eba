import { definePlan, type ExtractionPlan } from '@banyan/migration'
import { THEMES } from './services/wishlist/themes.ts'

// Wishlists and profiles leave the LEGO monolith, each by itself. Every address, secret and duration can be given by environment;
// the defaults are the ports of docs/ports.md on this machine.

const { env } = process
const number = (name: string, otherwise: number) => {
  const given = env[name]
  if (given === undefined) return otherwise
  const value = Number(given)
  if (given.trim() === '' || Number.isNaN(value)) {
    throw new Error(`${name} is "${given}"; allowed is a number`)
  }
  return value
}

const percents = (env.BANYAN_STEPS ?? '1,10,50,100').split(',').map(Number)
const seconds = number('BANYAN_STEP_SECONDS', 300)
const next = env.BANYAN_STEP_NEXT === 'manual' ? 'manual' : 'auto'
const local = 'postgres://postgres:banyan@127.0.0.1:5432'

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
const users = { from: '/api/users', to: '/v1/users' }

/** Under which conditions each of them moves. */
const conditions = {
  steps: percents.map((percent) => ({ percent, seconds, next })),
  gates: {
    errorRate: number('BANYAN_ERROR_RATE', 0.01),
    shadowDifference: number('BANYAN_SHADOW_DIFFERENCE', 0.001),
    minimumRequests: number('BANYAN_MINIMUM_REQUESTS', 50),
    latencyRatio: number('BANYAN_LATENCY_RATIO', 2),
  },
  shadow: { minimumCompared: number('BANYAN_MINIMUM_COMPARED', 100) },
  handover: { attempts: number('BANYAN_HANDOVER_ATTEMPTS', 10) },
  copyRowsPerSecond: number('BANYAN_COPY_ROWS_PER_SECOND', Number.POSITIVE_INFINITY),
  soakSeconds: number('BANYAN_SOAK_SECONDS', 3600),
} satisfies Partial<ExtractionPlan>

export default definePlan({
  control: {
    databaseUrl: env.BANYAN_DATABASE_URL ?? `${local}/banyan`,
    port: number('BANYAN_CONTROL_PORT', 9090),
    token: env.BANYAN_CONTROL_TOKEN ?? 'lego-control-token',
  },
  monolith: {
    url: env.MONOLITH_URL ?? 'http://127.0.0.1:9001',
    databaseUrl: env.MONOLITH_DATABASE_URL ?? `${local}/lego`,
  },
  gateway: {
    port: number('GATEWAY_PORT', 9000),
    identityKey: env.BANYAN_IDENTITY_KEY ?? 'lego-identity-key-of-this-machine',
    auth: {
      kind: 'jwks',
      url: env.JWKS_URL ?? 'http://127.0.0.1:9900/.well-known/jwks.json',
      issuer: env.ISSUER ?? 'https://auth.lego.local',
      audience: env.AUDIENCE ?? 'lego-api',
    },
  },
  extractions: [
    {
      name: 'wishlist',
      service: {
        url: env.WISHLIST_URL ?? 'http://127.0.0.1:9400',
        databaseUrl: env.WISHLIST_DATABASE_URL ?? `${local}/wishlist`,
      },
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
    },
    {
      name: 'profile',
      service: {
        url: env.PROFILE_URL ?? 'http://127.0.0.1:9300',
        databaseUrl: env.PROFILE_DATABASE_URL ?? `${local}/profile`,
      },
      routes: [
        { methods: [], path: '/api/users/me', rewrite: users },
        {
          methods: [],
          path: '/api/users/:id',
          rewrite: users,
          owner: { from: 'path', name: 'id' },
        },
        {
          methods: ['GET'],
          path: '/api/users/:id/public',
          rewrite: users,
          owner: { from: 'path', name: 'id' },
        },
      ],
      tables: [{ source: 'public.user_profiles', target: 'profile.profiles', owner: 'user_id' }],
      ...conditions,
    },
  ],
})
