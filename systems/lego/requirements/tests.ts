import { type FigureEvidence, testsIn } from '../../../scripts/requirements/requirement.ts'

/** The files of tests that requirements name, each as what makes evidence of its tests. */
const inServices = (file: string) => testsIn(`systems/lego/services/${file}.test.ts`)
const inTests = (file: string) => testsIn(`systems/lego/tests/${file}.test.ts`)
const inKit = (file: string) => testsIn(`packages/service/src/${file}.test.ts`)
const inGateway = (file: string) => testsIn(`packages/gateway/src/${file}.test.ts`)

export const SERVICES = 'gallery inventory moc processing profile search storage wishlist'.split(
  ' ',
)

export const lego = {
  every: inTests('every-service'),
  grants: inTests('grants'),
  portal: testsIn('systems/lego/portal/portal.test.ts'),
  watch: testsIn('systems/lego/portal/watch.test.ts'),
  parity: inTests('parity'),
  routes: inTests('routes'),
  monolith: inTests('monolith'),
  events: inTests('events'),
  eventsPage: testsIn('systems/lego/events/page.test.ts'),
  mocs: inTests('mocs'),
  keptMocs: inTests('kept-mocs'),
  withFiles: inTests('moc-with-files'),
  userFiles: inTests('user-files'),
  galleryContract: inServices('moc/gallery-contract'),
  gallery: inServices('gallery/gallery'),
  wishlist: inServices('wishlist/wishlist'),
  profile: inServices('profile/profile'),
  inventory: inServices('inventory/inventory'),
  processing: inServices('processing/processing'),
  formats: inServices('processing/formats/formats'),
  catalogue: inServices('processing/catalogue/catalogue'),
  prices: inServices('processing/prices/prices'),
  search: inServices('search/search'),
  opensearch: inServices('search/opensearch.servers'),
  storage: inServices('storage/storage'),
  mongoUsers: testsIn('systems/lego/auth/mongo-users.servers.test.ts'),
  clamd: inServices('storage/scanner/clamd.servers'),
}

export const kit = {
  service: inKit('service'),
  shutdown: inKit('shutdown'),
  tracing: inKit('tracing/tracing'),
  events: inKit('events'),
  client: inKit('client/client'),
  dependencies: inKit('dependencies'),
  mutualTls: inKit('tls/mutual-tls'),
  credentials: inKit('credentials/credentials'),
  secretsManager: inKit('credentials/secrets-manager.servers'),
  redis: inKit('cache/redis.servers'),
}

export const gateway = {
  routing: inGateway('routing'),
  fidelity: inGateway('fidelity'),
  credentials: inGateway('credentials'),
  tokens: inGateway('json-web-token'),
  limits: inGateway('limits/limits'),
  sharedLimits: inGateway('limits/shared-limits.servers'),
  observation: inGateway('observation'),
  breakers: inGateway('breakers'),
}

export const bus = testsIn('packages/bus/src/postgres/postgres.test.ts')
export const objects = {
  folder: testsIn('packages/objects/src/folder/folder-store.test.ts'),
  s3: testsIn('packages/objects/src/s3/s3-store.servers.test.ts'),
}

/** Each service against the monolith, whose own answers are held against what is wanted in `lego.monolith`. */
export const asMonolith = (of: 'mocs' | 'gallery' | 'wishlist') =>
  lego.parity(`the service of ${of} answers every request as the monolith does`)

/** Figures of the load on everything, at most so much in everyday's minute and while a hundred jobs run. */
export const inBench = (
  most: Readonly<Record<string, number>>,
  minutes: readonly ('steady' | 'spike')[] = ['steady', 'spike'],
): readonly FigureEvidence[] => {
  const of = (key: string, atMost: number): FigureEvidence => ({
    kind: 'figure',
    report: 'bench',
    command: 'npm run bench:lego -- --json FILE',
    key,
    atMost,
  })
  const figures = minutes.flatMap((minute) =>
    Object.entries(most).map(([key, atMost]) => of(`${minute}.${key}`, atMost)),
  )
  // A quick try shows nothing.
  return [of('reduced', 0), ...figures]
}
