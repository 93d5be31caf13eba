import type { FigureEvidence, Requirement } from '../../../scripts/requirements/requirement.ts'
import { script } from '../../../scripts/requirements/requirement.ts'
import { bus, gateway, kit, lego, SERVICES } from './tests.ts'

/** Requests that failed while a capability moved to its service and back under load, through the gateway. */
const movedWithoutFailure = (extraction: string): FigureEvidence => ({
  kind: 'figure',
  report: 'start',
  command: 'npm start -- --system lego --once --json FILE',
  key: `extractions.${extraction}.requests.failed`,
  atMost: 0,
})

/** What holds across the services: FR1 to FR3. */
export const functional: readonly Requirement[] = [
  {
    id: 'FR1.1',
    text: 'Each service has a database or schema of its own; no table is shared',
    shownBy: lego.every(...SERVICES.map((name) => `${name} makes tables in its own schema alone`)),
  },
  {
    id: 'FR1.2',
    text: 'Services talk by documented APIs and events alone, never into each other’s database',
    shownBy: [
      script('check:layers'),
      ...lego.grants(
        'no service may read or write a table of another, though all are in one database',
        'a service that tries is refused',
        'a service’s role connects to its own database, and to no other’s, nor to a copy',
      ),
      ...lego.galleryContract(
        'the MOC Management Service relies on Gallery to say which images and albums there are',
      ),
    ],
  },
  {
    id: 'FR1.3',
    text: 'Each service is deployed without the others',
    shownBy: [
      ...lego.gallery('keeps the contracts of its callers'),
      ...lego.events('what they say is as it was recorded, or compatible'),
      ...lego.mocs(
        'are stored as pending while Gallery is away, and settled when it is back or is heard',
      ),
      ...kit.dependencies('stays ready when that is gone, and shows whether it still asks'),
    ],
  },
  {
    id: 'FR1.4',
    text: 'APIs have a version in their path',
    shownBy: kit.service('is refused where its definition breaks a rule'),
  },
  {
    id: 'FR2.1',
    text: 'One entry for all clients',
    shownBy: [
      ...lego.routes(
        'what no service has goes to the monolith, also where a path only begins as one of theirs',
        'what services answer each other cannot be asked for through the gateway',
      ),
      ...gateway.routing(
        'sends what matches no route to the monolith, and moved routes to the side of their bucket',
      ),
      movedWithoutFailure('moc'),
    ],
  },
  {
    id: 'FR2.2.a',
    text: '/api/mocs/* goes to MOC Management',
    shownBy: [
      ...lego.routes('/api/mocs and what is below it goes to moc'),
      movedWithoutFailure('moc'),
    ],
  },
  {
    id: 'FR2.2.b',
    text: '/api/gallery/* goes to Gallery',
    shownBy: [
      ...lego.routes('/api/gallery and what is below it goes to gallery'),
      movedWithoutFailure('gallery'),
    ],
  },
  {
    id: 'FR2.2.c',
    text: '/api/wishlist/* goes to Wishlist',
    shownBy: [
      ...lego.routes('/api/wishlist and what is below it goes to wishlist'),
      movedWithoutFailure('wishlist'),
    ],
  },
  {
    id: 'FR2.2.d',
    text: '/api/users/* goes to Profile',
    shownBy: [
      ...lego.routes('/api/users and what is below it goes to profile'),
      movedWithoutFailure('profile'),
    ],
  },
  {
    id: 'FR2.2.e',
    text: '/api/search/* goes to Search',
    shownBy: [
      ...lego.routes('/api/search and what is below it goes to search'),
      movedWithoutFailure('search'),
    ],
  },
  {
    id: 'FR2.3',
    text: 'The gateway validates a token once, and passes X-User-Id, X-User-Email, X-User-Roles',
    shownBy: [
      ...gateway.credentials('passes a good token on with the identity it stands for'),
      ...gateway.tokens('takes a good token, and knows it at once the second time'),
    ],
  },
  {
    id: 'FR2.4',
    text: 'The gateway limits requests by user and by address',
    shownBy: [
      ...gateway.limits(
        'refuses who has had his requests, says when the next may come, and lets it pass then',
        'counts who is no user by address, and the methods of a rule alone',
      ),
      ...gateway.sharedLimits(
        'two gateways let no more pass than one would, within a hundredth',
        'nor while Redis is dead, nor when it comes back without its memory',
      ),
    ],
  },
  {
    id: 'FR2.5.a',
    text: 'The gateway logs requests and answers',
    shownBy: gateway.observation(
      'logs a line for each request: what it was about and what came of it, and not who asked',
      'logs what was refused, failed or left although nothing else is logged',
      'tells Prometheus of requests by route, side and group of buckets, and of the rest of its state',
    ),
  },
  {
    id: 'FR2.5.b',
    text: 'The gateway gives each request a correlation id',
    shownBy: gateway.fidelity(
      'returns the correlation id once, its own, even when the upstream answers another',
    ),
  },
  {
    id: 'FR2.5.c',
    text: 'The gateway has circuit breakers',
    shownBy: gateway.breakers(
      ...['hangs', 'resets', 'breaks off', 'answers 500', 'answers slowly'].map(
        (way) => `a side that ${way} is not asked any more, until one request finds it well`,
      ),
      'sends nothing to the other side meanwhile, and lets the rest of the monolith go on',
      'asks again for what only reads and has no body, within its budget, and never for a write',
    ),
  },
  {
    id: 'FR3.1',
    text: 'What spans services is a saga with compensations',
    shownBy: lego.withFiles(
      'one after the other',
      'and leaves nothing where the MOC is refused',
      'and takes the MOC away where its files cannot be stored',
      'and takes the files away too where they cannot be recorded',
      'and lets the MOC stand as incomplete where "processing" fails',
      'and lets the MOC stand as incomplete where "created" fails',
    ),
  },
  {
    id: 'FR3.2',
    text: 'Events bring about what may come later: search, references, caches',
    shownBy: [
      ...lego.search(
        'finds MOCs by what events tell of them, and by the pieces their parts lists add up to',
      ),
      ...lego.mocs('go when their image, or album, goes'),
      ...lego.keptMocs(
        'answers a MOC from the cache, but to its owner, who sees what was done at once by way of every process',
        'hears what any process does to a MOC, and replication, and what goes at once with all others',
      ),
    ],
  },
  {
    id: 'FR3.3',
    text: 'Each service says on the bus what changed in its aggregates',
    shownBy: [
      ...lego.eventsPage(
        'has every domain event of the document, once, and those it names as they are on the wire',
      ),
      ...lego.every('the page of events has all that a service says, and every service that hears'),
      ...lego.events(
        'the Wishlist Service says what it has written, in its order, and does a repeated POST once',
        'the Profile Service says what everybody may see of a profile',
        'the Gallery Service says what happens to images and albums, to the covers of others’ changes too',
      ),
      ...lego.mocs('is said whole when it is created, and with what changed when it changes'),
      ...lego.inventory('says what was acquired, what was bought, and how far the source is'),
      ...lego.storage('stores a file that was scanned, says so, and gives it back'),
      ...lego.processing(
        'reads a list in the background, and says what it holds and what it does not know',
      ),
      ...lego.search('says what is asked for, and shows it to administrators'),
      ...bus('publishes what was committed, and not what was rolled back'),
    ],
  },
  {
    id: 'FR3.4',
    text: 'An event that is delivered twice is handled once',
    shownBy: [
      ...bus('handles a message once that the transport delivers twice'),
      ...lego.search('keeps gone what is gone, also when that is told first'),
    ],
  },
]
