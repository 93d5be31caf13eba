import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fastify from 'fastify'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { describe, expect, it, onTestFinished } from 'vitest'
import { routeOptions } from '../client/api.ts'
import { images, PICTURE } from '../client/testing.ts'
import { consumerContract, verifyContracts } from './index.ts'

const KEPT = new URL('pacts/', import.meta.url)
const PACT = new URL('albums-images.json', KEPT)

/** What the albums service expects of the images service. */
async function expectAll(contract: ReturnType<typeof consumerContract<typeof images.routes>>) {
  const found = await contract.expect({
    given: 'the picture "a" is there',
    route: 'getImage',
    args: { params: { id: 'a' } },
    answer: { status: 200, body: PICTURE },
  })
  const added = await contract.expect({
    given: 'there is no picture',
    route: 'addImage',
    args: { body: { title: 'A tree' } },
    answer: { status: 201, body: PICTURE },
  })
  const listed = await contract.expect({
    given: 'the picture "a" is there',
    route: 'listImages',
    args: { query: { limit: 2, tag: ['x'] } },
    answer: { status: 200, body: [PICTURE] },
  })
  return { found, added, listed }
}

type Picture = { id: string; title: string }

/** The images service, but for what a test breaks; asks for a header, as a real one does. */
async function serveImages({ found = (one: Picture): unknown => one, added = 201 } = {}) {
  const app = fastify().withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(({ schema, ...rest }) =>
    // A service that breaks its contract breaks its schemas first; here they are silent.
    schema ? JSON.stringify : serializerCompiler({ schema, ...rest }),
  )
  const kept = new Map<string, Picture>()
  app.register(
    async (api) => {
      const typed = api.withTypeProvider<ZodTypeProvider>()
      typed.addHook('onRequest', async (request, reply) => {
        if (request.headers['x-test-identity'] !== 'ann') return reply.status(401).send()
      })
      typed.route({
        ...routeOptions(images, 'getImage'),
        handler: (request) => found(kept.get(request.params.id)!) as Picture,
      })
      typed.route({
        ...routeOptions(images, 'listImages'),
        handler: (request) => [...kept.values()].slice(0, request.query.limit),
      })
      typed.route({
        ...routeOptions(images, 'addImage'),
        handler: async (request, reply) =>
          reply.status(added as 201).send({ id: 'new', title: request.body.title }),
      })
    },
    { prefix: images.prefix },
  )
  const baseUrl = await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  return () =>
    verifyContracts({
      provider: 'images',
      baseUrl,
      pacts: [PACT],
      states: {
        'the picture "a" is there': () => kept.set('a', { ...PICTURE, title: 'Another' }),
        'there is no picture': () => kept.clear(),
      },
      headers: () => ({ 'x-test-identity': 'ann' }),
    })
}

async function folder(): Promise<URL> {
  const path = await mkdtemp(join(tmpdir(), 'contracts-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return pathToFileURL(`${path}/`)
}

describe('a caller', () => {
  it('keeps what it expects as a pact file, and its client reads the answers', async () => {
    const update = process.env.UPDATE_PACTS === '1'
    const contract = consumerContract(images, { consumer: 'albums', folder: KEPT, update })
    expect(await expectAll(contract)).toEqual({ found: PICTURE, added: PICTURE, listed: [PICTURE] })
    await contract.keep()
    const pact = JSON.parse(await readFile(PACT, 'utf8'))
    expect(pact.metadata.pactSpecification.version).toBe('4.0')
    expect(pact.interactions).toHaveLength(3)
  })

  it('is told when it expects something else than the file says', async () => {
    const copy = await folder()
    await cp(KEPT, copy, { recursive: true })
    const contract = () => consumerContract(images, { consumer: 'albums', folder: copy })
    const changed = contract()
    await changed.expect({
      given: 'there is no picture',
      route: 'countImages',
      args: {},
      answer: { status: 200, body: { count: 0 } },
    })
    await expect(changed.keep()).rejects.toThrow('UPDATE_PACTS=1')
  })
})

describe('a called service', () => {
  it('passes when it answers what its callers expect', async () => {
    const verify = await serveImages()
    await verify()
  })

  it.each([
    ['leaves a member out', { found: ({ id }: Picture) => ({ id }) }],
    ['renames one', { found: ({ id, title }: Picture) => ({ id, name: title }) }],
    ['changes the type of one', { found: (one: Picture) => ({ ...one, id: 1 }) }],
    ['answers another status', { added: 200 }],
  ])('fails when it %s', async (_, broken) => {
    const verify = await serveImages(broken)
    await expect(verify()).rejects.toThrow()
  })

  it('fails for a contract that is not its own, or is given what it does not know', async () => {
    const options = { baseUrl: 'http://127.0.0.1:1', pacts: [PACT], states: {} }
    await expect(verifyContracts({ ...options, provider: 'stock' })).rejects.toThrow(
      'a contract with images, not with stock',
    )
    await expect(verifyContracts({ ...options, provider: 'images' })).rejects.toThrow(
      'known here: none',
    )
  })
})
