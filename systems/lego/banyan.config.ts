import { definePlan } from '@banyan/migration'
import { gallery } from './extractions/gallery.ts'
import { inventory } from './extractions/inventory.ts'
import { limits } from './extractions/limits.ts'
import { moc } from './extractions/moc.ts'
import { processing } from './extractions/processing.ts'
import { profile } from './extractions/profile.ts'
import { search } from './extractions/search.ts'
import { localDatabase, number } from './extractions/settings.ts'
import { storage } from './extractions/storage.ts'
import { wishlist } from './extractions/wishlist.ts'

// The capabilities that leave the LEGO monolith, each by itself. Every address, secret and duration can
// be given by environment; the defaults are the ports of docs/ports.md on this machine.

const { env } = process

export default definePlan({
  control: {
    databaseUrl: env.BANYAN_DATABASE_URL ?? localDatabase('banyan'),
    port: number('BANYAN_CONTROL_PORT', 9090),
    token: env.BANYAN_CONTROL_TOKEN ?? 'lego-control-token',
    viewerToken: env.BANYAN_VIEWER_TOKEN ?? 'lego-viewer-token',
  },
  monolith: {
    url: env.MONOLITH_URL ?? 'http://127.0.0.1:9001',
    databaseUrl: env.MONOLITH_DATABASE_URL ?? localDatabase('lego'),
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
    limits,
    accessLog: { share: number('ACCESS_LOG_SHARE', 1) },
  },
  extractions: [wishlist, profile, storage, processing, search, gallery, moc],
  services: [inventory],
})
