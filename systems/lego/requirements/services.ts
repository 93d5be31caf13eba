import type { Requirement } from '../../../scripts/requirements/requirement.ts'
import { asMonolith, inBench, kit, lego, objects } from './tests.ts'

const mocSaid = lego.mocs('is said whole when it is created, and with what changed when it changes')
const galleryAnswers = [
  ...asMonolith('gallery'),
  ...lego.gallery('answers the same under the names of its own paths'),
]
const gallerySaid = lego.events(
  'the Gallery Service says what happens to images and albums, to the covers of others’ changes too',
)
const listRead = lego.processing(
  'reads a list in the background, and says what it holds and what it does not know',
)
const mocsFound = lego.search(
  'finds MOCs by what events tell of them, and by the pieces their parts lists add up to',
)
const imagesFound = lego.search('finds images until they are flagged or deleted')
const variants = lego.storage(
  'makes variants of an image: upright, of two sizes and whole, with a blurhash',
)

/** What each service does: FR4 to FR10. */
export const services: readonly Requirement[] = [
  { id: 'FR4.1.a', text: 'POST /v1/mocs', shownBy: [...asMonolith('mocs'), ...mocSaid] },
  { id: 'FR4.1.b', text: 'GET /v1/mocs/:id', shownBy: asMonolith('mocs') },
  { id: 'FR4.1.c', text: 'PATCH /v1/mocs/:id', shownBy: [...asMonolith('mocs'), ...mocSaid] },
  { id: 'FR4.1.d', text: 'DELETE /v1/mocs/:id', shownBy: [...asMonolith('mocs'), ...mocSaid] },
  {
    id: 'FR4.2',
    text: 'Parts lists are sub-resources of a MOC: POST /v1/mocs/:mocId/parts-lists',
    shownBy: [
      ...asMonolith('mocs'),
      ...lego.mocs(
        'has as many pieces as its parts lists together, however many come and go at once',
      ),
    ],
  },
  { id: 'FR4.3.a', text: 'moc.created, with the MOC', shownBy: mocSaid },
  { id: 'FR4.3.b', text: 'moc.updated, with the changed fields', shownBy: mocSaid },
  { id: 'FR4.3.c', text: 'moc.deleted, with the id', shownBy: mocSaid },
  {
    id: 'FR4.3.d',
    text: 'parts-list.updated, with the new sum of pieces',
    shownBy: lego.mocs(
      'has as many pieces as its parts lists together, however many come and go at once',
    ),
  },
  {
    id: 'FR4.4',
    text: 'Gallery is asked whether images exist before they are linked',
    shownBy: [
      ...lego.galleryContract(
        'the MOC Management Service relies on Gallery to say which images and albums there are',
      ),
      ...asMonolith('mocs'),
      ...lego.monolith('links only gallery images that are there'),
    ],
  },
  {
    id: 'FR4.5',
    text: 'File Processing is asked to read parts lists, later',
    shownBy: lego.withFiles(
      'is there with its files, and has its pieces when its parts list is read',
    ),
  },
  {
    id: 'FR4.6',
    text: 'Links to images become right in time: kept as ids, checked later',
    shownBy: lego.mocs(
      'are stored as pending while Gallery is away, and settled when it is back or is heard',
      'never outlive their image, also when it is deleted while they are made',
      'of a MOC that another side owns stay, hold nobody up, and go once it is this one’s',
      'to what Gallery does not have go when the reconciliation asks about them, and nobody else may ask',
    ),
  },
  {
    id: 'FR5.1.a',
    text: 'POST /v1/images, and what else is done to images',
    shownBy: galleryAnswers,
  },
  {
    id: 'FR5.1.b',
    text: 'GET /v1/albums/:id, and what else is done to albums',
    shownBy: galleryAnswers,
  },
  { id: 'FR5.2.a', text: 'image.uploaded, with id, user and the image', shownBy: gallerySaid },
  { id: 'FR5.2.b', text: 'image.deleted, with the id', shownBy: gallerySaid },
  { id: 'FR5.2.c', text: 'image.flagged, with id and reason', shownBy: gallerySaid },
  {
    id: 'FR5.3',
    text: 'GET /v1/images/:id/exists for the MOC Service',
    shownBy: lego.gallery(
      'tells services which images and albums there are, hidden ones too, without a user',
      'tells nobody else: no user, and no service that is not among its callers',
    ),
  },
  {
    id: 'FR5.4',
    text: 'Flags are reviewed in a queue, whatever MOCs do',
    shownBy: [
      ...asMonolith('gallery'),
      ...lego.monolith('hides a flagged image from others until a moderator dismisses the flag'),
      ...gallerySaid,
    ],
  },
  { id: 'FR6.1', text: 'A REST API for wishlist items', shownBy: asMonolith('wishlist') },
  {
    id: 'FR6.2',
    text: 'POST /v1/wishlist/reorder/debounced, applied after 500 ms',
    shownBy: lego.wishlist('applies a debounced order after kill -9'),
  },
  {
    id: 'FR6.3',
    text: 'GET /v1/wishlist/reorder/status',
    shownBy: [
      ...asMonolith('wishlist'),
      ...lego.wishlist('applies a debounced order after kill -9'),
    ],
  },
  {
    id: 'FR6.4',
    text: 'Wishlist depends on no other service',
    shownBy: lego.every('the Wishlist Service calls no other service, and hears none'),
  },
  {
    id: 'FR7.1',
    text: 'A REST API for profiles: create, read, update, delete',
    shownBy: lego.profile(
      'answers every request as the monolith does',
      'deletes the profile of its user, once, and that of nobody else',
    ),
  },
  {
    id: 'FR7.2.a',
    text: 'User ids are those of the Auth Service',
    shownBy: lego.profile(
      'makes no profile for a user whom the Auth Service does not know',
      'removes a profile whose user is gone, and none while the Auth Service is away or has lost them all',
    ),
  },
  {
    id: 'FR7.2.b',
    text: 'The Auth Service keeps its users in MongoDB, where that is set',
    shownBy: lego.mongoUsers(
      'have an address that nobody else has',
      'are known by their ids, among others that are none',
      'sign in with their password, whatever the case of their address, and with no other',
      'signs up and in, once an address, and still after kill -9',
    ),
  },
  {
    id: 'FR7.3',
    text: 'GET /v1/users/:id/public for others to show names and avatars',
    shownBy: lego.profile(
      'answers every request as the monolith does',
      'answers public profiles from its cache, and at once what their user, or whoever else, changed',
    ),
  },
  {
    id: 'FR7.4',
    text: 'Profiles are cached in Redis for 5 minutes',
    shownBy: [
      ...lego.profile(
        'answers public profiles from its cache, and at once what their user, or whoever else, changed',
      ),
      ...lego.every('limits of the document are what is usual'),
      ...kit.redis('gives back what was set, until its time is over'),
    ],
  },
  {
    id: 'FR8.1',
    text: 'POST /v1/process-file answers a jobId at once and works in the background',
    shownBy: listRead,
  },
  {
    id: 'FR8.2.a',
    text: 'BrickLink XML',
    shownBy: lego.formats('needs MINQTY less QTYFILLED, reads 1,752, and merges the same lots'),
  },
  {
    id: 'FR8.2.b',
    text: 'Rebrickable CSV',
    shownBy: lego.formats(
      'reads Rebrickable lists of every year, with any colour and unknown colour',
    ),
  },
  {
    id: 'FR8.2.c',
    text: 'LEGO.com order exports',
    shownBy: lego.formats(
      'reads Pick a Brick, orders, and other lists whose headers are common',
      "reads Pick a Brick's array, and an order's, entry by entry with its line",
    ),
  },
  {
    id: 'FR8.2.d',
    text: 'Custom CSV',
    shownBy: lego.formats('reads columns that the user names, in the numbers the user says'),
  },
  { id: 'FR8.3.a', text: 'file-processing.started', shownBy: listRead },
  { id: 'FR8.3.b', text: 'file-processing.completed, with what was read', shownBy: listRead },
  {
    id: 'FR8.3.c',
    text: 'file-processing.failed, with the error',
    shownBy: lego.processing('says why a file is refused, and in which line'),
  },
  { id: 'FR8.4', text: 'GET /v1/jobs/:jobId to poll', shownBy: listRead },
  {
    id: 'FR8.5',
    text: 'Parts and colours are looked up in the catalogue',
    shownBy: [
      ...listRead,
      ...lego.catalogue(
        'finds parts exactly, by alias, mould, map and element id, in this order',
        'says what it does not know, and what may be meant',
      ),
    ],
  },
  {
    id: 'FR8.6',
    text: 'Costs are estimated from BrickLink’s prices',
    shownBy: lego.prices('adds up what is priced, and says why the rest is not'),
  },
  { id: 'FR9.1.a', text: 'GET /v1/search?q=…&type=moc', shownBy: mocsFound },
  { id: 'FR9.1.b', text: 'GET /v1/search?q=…&type=image', shownBy: imagesFound },
  {
    id: 'FR9.1.c',
    text: 'GET /v1/search?q=…&type=wishlist',
    shownBy: lego.search('finds what events tell of a wishlist, for its owner alone'),
  },
  { id: 'FR9.2.a', text: 'moc.created, .updated, .deleted change the index', shownBy: mocsFound },
  { id: 'FR9.2.b', text: 'image.uploaded, .deleted change the index', shownBy: imagesFound },
  {
    id: 'FR9.3',
    text: 'What is searched is less than 10 s behind',
    shownBy: [
      ...lego.opensearch('answers searches of the service, and says so'),
      ...inBench({ 'indexLag.p95': 10_000, neverFound: 0 }),
    ],
  },
  {
    id: 'FR9.4',
    text: 'While OpenSearch is down, a circuit breaker has the database answer',
    shownBy: lego.opensearch(
      'loses nothing while it refuses: the database answers, and it is told later',
      'loses nothing while it hangs: the database answers, and it is told later',
    ),
  },
  {
    id: 'FR10.1',
    text: 'POST /internal/v1/upload, to S3 where that is set',
    shownBy: [
      ...lego.storage(
        'stores a file that was scanned, says so, and gives it back',
        'is for services with a token, and for nobody else',
      ),
      ...lego.userFiles('moves every route of files that the monolith has, and files themselves'),
      ...objects.s3('is asked to encrypt everything that is put, in one part or in many'),
    ],
  },
  {
    id: 'FR10.2',
    text: 'GET /internal/v1/signed-url',
    shownBy: lego.storage('signs URLs that anybody may use until they expire'),
  },
  { id: 'FR10.3.a', text: 'Thumbnails of 200 and 400 pixels', shownBy: variants },
  { id: 'FR10.3.b', text: 'WebP', shownBy: variants },
  { id: 'FR10.3.c', text: 'Blurhash', shownBy: variants },
  {
    id: 'FR10.4',
    text: 'A virus scan comes before an upload is confirmed',
    shownBy: [
      ...lego.storage('stores nothing that carries malware'),
      ...lego.clamd('finds EICAR, also in an archive'),
    ],
  },
  {
    id: 'FR10.5',
    text: 'A quota for each user, 1 GB unless set otherwise',
    shownBy: [
      ...lego.storage('lets uploads at once take no more than the quota'),
      ...lego.every('limits of the document are what is usual'),
    ],
  },
]
