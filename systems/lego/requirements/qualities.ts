import type { FigureEvidence, Requirement } from '../../../scripts/requirements/requirement.ts'
import { VICTIMS } from '../blast-radius/victims.ts'
import { bus, gateway, inBench, kit, lego, objects, SERVICES } from './tests.ts'

const inBlastRadius = (key: string, atMost: number): FigureEvidence => ({
  kind: 'figure',
  report: 'blast-radius',
  command: 'npm run prove -- --blast-radius --json FILE',
  key,
  atMost,
})

/** NFR1 to NFR6. */
export const qualities: readonly Requirement[] = [
  {
    id: 'NFR1.1',
    text: 'Routing by the gateway: p95 < 50 ms',
    shownBy: inBench({ 'routing.p95': 50 }),
  },
  {
    id: 'NFR1.2',
    text: 'CRUD of MOC, Gallery, Wishlist, Profile: p95 < 200 ms',
    shownBy: inBench({
      'moc.p95': 200,
      'gallery.p95': 200,
      'wishlist.p95': 200,
      'profile.p95': 150,
    }),
  },
  {
    id: 'NFR1.3',
    text: 'Parts lists below 1 MB are read: p95 < 5 s',
    // Where a hundred come at once the reading alone, not what waits before it (docs/decisions/054).
    shownBy: [
      ...inBench({ 'partsLists.tookMs.p95': 5_000 }, ['steady']),
      ...inBench({ 'partsLists.readMs.p95': 5_000 }),
    ],
  },
  {
    id: 'NFR1.4',
    text: 'Searches with fewer than 1,000 results: p95 < 500 ms',
    shownBy: inBench({ 'search.p95': 500 }),
  },
  {
    id: 'NFR1.5',
    text: 'Events reach all consumers: p95 < 10 s',
    shownBy: inBench({ 'propagation.tookMs.p95': 10_000, 'propagation.deadLetters': 0 }),
  },
  {
    id: 'NFR2.1',
    text: 'Each service is scaled by itself, by CPU and memory',
    deferred: 'The platform does it (ECS auto-scaling): it comes with the deployment',
  },
  {
    id: 'NFR2.2',
    text: '100 jobs at once at File Processing, and APIs as quick as without',
    shownBy: inBench(
      {
        'partsLists.failedShare': 0.005,
        'uploads.failedShare': 0.005,
        'moc.p95': 200,
        failedShare: 0.0001,
      },
      ['spike'],
    ),
  },
  {
    id: 'NFR2.3',
    text: '500 requests/s at MOC Management',
    shownBy: inBench({ mocShortfall: 0.05, 'moc.p95': 200 }),
  },
  {
    id: 'NFR2.4',
    text: 'At most 20 database connections in each process',
    shownBy: kit.tracing('keeps requests apart that wait for one pool'),
  },
  {
    id: 'NFR3.1',
    // A month has 43 minutes of the 0.1 %; no test lasts one.
    text: 'Each service is up 99.9 % of a month: one that is killed is back in two minutes',
    shownBy: [
      inBlastRadius('failed', 0),
      ...VICTIMS.map((victim) => inBlastRadius(`outages.${victim}.backSeconds`, 120)),
      inBlastRadius('mocBackSeconds', 120),
    ],
  },
  {
    id: 'NFR3.2',
    text: 'GET /health',
    shownBy: kit.service('is ready while its database is'),
  },
  {
    id: 'NFR3.3',
    text: 'A service that is stopped answers what it has begun, within 30 s',
    shownBy: kit.shutdown(
      'answers what it has begun, takes nothing new, and ends with 0 on SIGTERM',
    ),
  },
  {
    id: 'NFR3.4',
    text: 'Consumers try three times, with growing pauses, then keep a dead letter',
    shownBy: bus(
      'tries again what failed, before what is behind it with its key, while others go on',
      'keeps what always fails as a dead letter, which is handled when it is redriven',
    ),
  },
  {
    id: 'NFR3.5',
    text: 'Circuit breakers around what is called: 5 s, half of the calls',
    shownBy: kit.client(
      'ends after 5 s where nothing else is said',
      'is not asked any more once half of ten calls failed, and still is after fewer',
      'is not asked while the circuit is open, then once, and again by all once it is well',
    ),
  },
  {
    id: 'NFR4.1',
    text: 'Logs are JSON, for whatever collects them',
    shownBy: kit.service(
      'keeps a correlation id that is one, and writes it with the user into each line',
    ),
  },
  {
    id: 'NFR4.2',
    text: 'Metrics: requests, latency, errors',
    shownBy: kit.service('counts requests by the template of their route'),
  },
  {
    id: 'NFR4.3',
    text: 'X-Correlation-Id goes with every call and event',
    shownBy: [
      ...gateway.fidelity(
        'returns the correlation id once, its own, even when the upstream answers another',
      ),
      ...kit.client(
        'carries on what belongs to the request, and the service’s own token beside it',
      ),
      ...kit.events('one trace, and one correlation id, lead from the request to the reaction'),
    ],
  },
  {
    id: 'NFR4.4',
    text: 'Traces over several services',
    shownBy: [
      ...kit.dependencies('says who calls, for whom, and in which trace'),
      ...kit.tracing('goes on with the trace of the caller, down to each statement'),
    ],
  },
  {
    id: 'NFR4.5',
    text: 'A dashboard of every service’s errors, latency and throughput',
    shownBy: [
      ...lego.watch(
        'watches a service while it answers, says so when it does not, and sees it come back',
      ),
      ...lego.portal('shows how each service fares, and why one is not known'),
    ],
  },
  {
    id: 'NFR5.1',
    text: 'mTLS between services',
    shownBy: [
      ...kit.mutualTls(
        'lets in whose certificate and token say the same name',
        'refuses a certificate of another authority, one that has ended, and none',
      ),
      ...kit.dependencies('call each other over TLS that names both'),
    ],
  },
  {
    id: 'NFR5.2',
    text: 'The gateway validates tokens with the public key of the Auth Service',
    shownBy: gateway.tokens(
      'takes a good token, and knows it at once the second time',
      'a signature of another key, and what is no token',
    ),
  },
  {
    id: 'NFR5.3',
    text: 'Services believe the gateway’s word for a user by its signature alone',
    shownBy: [
      ...kit.service('lets nobody in whom no signed identity names, whatever bare headers say'),
      ...lego.parity('refuses an identity that is not signed with the key'),
      ...lego.profile('lets nobody in whom the gateway has not named'),
    ],
  },
  {
    id: 'NFR5.4',
    text: 'Database credentials come from AWS Secrets Manager, and are rotated',
    shownBy: [
      ...kit.secretsManager(
        'a secret is rotated in AWS’s four steps, and no connection is refused at any',
      ),
      ...kit.credentials('fails none of 100 requests a second, and connects with the new ones'),
    ],
  },
  {
    id: 'NFR5.5',
    text: 'Files are encrypted at rest (AES-256), and downloaded by signed URLs',
    shownBy: [
      ...objects.folder('tell nothing of what they hold, and no two are alike'),
      ...objects.s3('is asked to encrypt everything that is put, in one part or in many'),
      ...lego.storage('signs URLs that anybody may use until they expire'),
    ],
  },
  {
    id: 'NFR6.1',
    text: 'Each service has a folder of its own in one repository',
    shownBy: lego.every('each service stands in a folder of its own, on the port of the document'),
  },
  {
    id: 'NFR6.2',
    text: 'Each service is built, tested and deployed by a pipeline of its own',
    deferred: 'The pipelines come with the platform that it is deployed to',
  },
  {
    id: 'NFR6.3',
    text: 'Logs, metrics and who may ask come from shared packages',
    shownBy: lego.every(
      ...SERVICES.map(
        (name) => `${name} is run by the kit, whose logs, metrics and doors are the same for all`,
      ),
    ),
  },
  {
    id: 'NFR6.4',
    text: 'OpenAPI documents, all on one portal page',
    shownBy: [
      ...kit.service('describes its routes, and serves the page to browse them by itself'),
      ...lego.portal(
        'lists each service with its version, its routes, and where to browse it',
        'answers a document as its service does',
      ),
      ...lego.every('the portal lists every service, where it usually listens'),
    ],
  },
  {
    id: 'NFR6.5',
    text: 'What breaks clients gets a new version, and the old one says when it ends',
    shownBy: kit.service(
      'answers its own errors, and tells clients of an old version when it ends',
    ),
  },
]
