import { consumerContract } from '@banyan/service/contract-testing'
import { expect, it } from 'vitest'
import { galleryApi } from '../gallery/client.ts'

const PACTS = new URL('pacts/', import.meta.url)
const THERE = '0b9f0c52-4a6e-4c62-9d53-2f6f1f1f5a01'
const NOT_THERE = '0b9f0c52-4a6e-4c62-9d53-2f6f1f1f5a02'

it('the MOC Management Service relies on Gallery to say which images and albums there are', async () => {
  const update = process.env.UPDATE_PACTS === '1'
  const contract = consumerContract(galleryApi, { consumer: 'moc', folder: PACTS, update })
  const asking = { args: { body: { ids: [THERE, NOT_THERE] } } }
  const answer = { status: 200 as const, body: { existing: [THERE] } }
  const images = await contract.expect({
    given: `there is an image ${THERE}`,
    route: 'existingImages',
    ...asking,
    answer,
  })
  const albums = await contract.expect({
    given: `there is an album ${THERE}`,
    route: 'existingAlbums',
    ...asking,
    answer,
  })
  expect([images, albums]).toEqual([{ existing: [THERE] }, { existing: [THERE] }])
  await contract.keep()
})
