import { expect, it } from 'vitest'
import plan from '../banyan.config.ts'
import { routesLeft } from '../routes-left.ts'
import { send } from '../testing/monolith.ts'
import { startProcess } from '../testing/processes.ts'

const rulesOf = (...names: string[]) =>
  plan.extractions.filter(({ name }) => names.includes(name)).flatMap(({ routes }) => routes)

it('what is left at the monolith are the routes of its own routers that no extraction has', () => {
  const all = routesLeft([])
  expect(all.length).toBeGreaterThanOrEqual(39)
  expect(all).toContain('PATCH /api/mocs/:id/parts-lists/:listId')
  expect(all).toContain('GET /api/search')
  const left = routesLeft(rulesOf('wishlist', 'profile'))
  expect(left.filter((route) => / .api.(wishlist|users)/.test(route))).toEqual([])
  expect(left).toContain('GET /api/gallery')
  expect(routesLeft([{ methods: ['GET'], path: '/api/users/:id' }])).toContain('PUT /api/users/:id')
  expect(routesLeft([{ methods: [], path: '/api/mocs/*' }])).toContain('GET /api/mocs')
  expect(routesLeft([{ methods: [], path: '/api/*' }])).toEqual([])
})

it('a retired monolith needs nothing, says that it lives, and 410 to all else', async () => {
  const monolith = await startProcess('monolith/main.ts', { RETIRED: 'true' })
  try {
    const gone = await send(`${monolith.url}/api/mocs`, 'GET', {})
    expect(gone).toMatchObject({ status: 410, body: { error: { code: 'GONE' } } })
    const { status, body } = await send(`${monolith.url}/health`, 'GET', {})
    expect({ status, body }).toEqual({
      status: 200,
      body: { status: 'ok', retired: true, refused: 1 },
    })
  } finally {
    await monolith.end()
  }
})
