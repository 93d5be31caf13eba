import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readOpenApi } from './openapi.ts'
import { propose } from './proposals.ts'
import type { Reference, Survey, SurveyedTable } from './survey.ts'

/** `id, user_id, note` are columns; the first is the key, those that end with `_id` are bigint. */
function table(bare: string, columns: string, figures: Partial<SurveyedTable> = {}): SurveyedTable {
  const names = columns.split(', ')
  return {
    name: `public.${bare}`,
    schema: 'public',
    bare,
    columns: names.map((name) => ({
      name,
      type: /id$/i.test(name) ? 'bigint' : 'text',
      required: true,
    })),
    key: [names[0]!],
    rows: 0,
    bytes: 0,
    writes: 0,
    writesPerSecond: null,
    ...figures,
  }
}

function reference(
  from: string,
  column: string,
  to: string,
  more: Partial<Reference> = {},
): Reference {
  return {
    from: `public.${from}`,
    to: `public.${to}`,
    columns: [column],
    required: true,
    cascades: false,
    inKey: false,
    firm: true,
    ...more,
  }
}

const part = { cascades: true }

const shop: Pick<Survey, 'tables' | 'references'> = {
  tables: [
    table('users', 'id, email'),
    table('orders', 'id, user_id, total', { writes: 50, bytes: 500 }),
    table('order_lines', 'id, order_id, product_id, amount', { writes: 30, bytes: 300 }),
    table('products', 'id, name'),
    table('reviews', 'id, product_id, user_id, text', { writes: 5, bytes: 50 }),
    table('baskets', 'id, user_id, product_id', { writes: 10, bytes: 100 }),
    table('addresses', 'id, user_id, street', { writes: 5, bytes: 50 }),
    table('rates', 'id, day, rate'),
    table('schema_migrations', 'version'),
  ],
  references: [
    reference('orders', 'user_id', 'users'),
    reference('order_lines', 'order_id', 'orders', part),
    reference('order_lines', 'product_id', 'products'),
    reference('reviews', 'product_id', 'products'),
    reference('reviews', 'user_id', 'users'),
    reference('baskets', 'user_id', 'users'),
    reference('baskets', 'product_id', 'products'),
    reference('addresses', 'user_id', 'users'),
  ],
}

function proposed(given: Pick<Survey, 'tables' | 'references'>, paths: string[] | null = null) {
  const documented = paths?.map((path) => ({ path, methods: ['GET'], tags: [] })) ?? null
  return propose({ database: 'shop', counted: { since: 'unknown' }, ...given }, documented)
}

const groups = (given: Pick<Survey, 'tables' | 'references'>) =>
  Object.fromEntries(
    proposed(given).proposals.map(({ name, tables }) => [name, tables.map(({ bare }) => bare)]),
  )

describe('what is proposed', () => {
  it('keeps a part with its whole, and leaves what many refer to where it is', () => {
    expect(groups(shop)).toEqual({
      address: ['addresses'],
      basket: ['baskets'],
      order: ['orders', 'order_lines'],
      rate: ['rates'],
      review: ['reviews'],
    })
    const { hubs, bookkeeping } = proposed(shop)
    expect(hubs.map(({ table, referrers }) => [table.bare, referrers])).toEqual([
      ['users', 4],
      ['products', 3],
    ])
    expect(bookkeeping).toEqual(['public.schema_migrations'])
  })

  it('says whose each row is, also by the way to its parent', () => {
    const order = proposed(shop).proposals.find(({ name }) => name === 'order')!
    expect(order.tables.map(({ bare, owner }) => [bare, owner])).toEqual([
      ['orders', 'user_id'],
      ['order_lines', { through: 'order_id', parent: 'public.orders' }],
    ])
  })

  it('does not go through a reference that a plan could not go through', () => {
    const references = shop.references.map((one) =>
      one.from === 'public.order_lines' ? { ...one, firm: false } : one,
    )
    const order = proposed({ ...shop, references }).proposals.find(({ name }) => name === 'order')!
    expect(order.tables.map(({ owner }) => owner)).toEqual(['user_id', null])
  })

  it('begins with what is small and alone, and ends with what is nobody’s', () => {
    const { proposals } = proposed(shop)
    expect(proposals.map(({ name }) => name)).toEqual([
      'address',
      'review',
      'basket',
      'order',
      'rate',
    ])
    expect(proposals[0]!.why.join(' ')).toMatch(/user_id.*No reference leads.*users, which stays/)
    expect(proposals.at(-1)!.why[0]).toMatch(/whose the rows of public.rates are.*all at once/)
  })

  it('puts what others are tied to after what nothing is tied to, however small it is', () => {
    const tables = [
      table('notes', 'id, user_id, folder_id', { writes: 1 }),
      table('folders', 'id, user_id', { writes: 1 }),
      table('alarms', 'id, user_id', { writes: 1_000 }),
    ]
    const { proposals } = proposed({ tables, references: [] })
    expect(proposals.map(({ name, crossing }) => [name, crossing.length])).toEqual([
      ['alarm', 0],
      ['folder', 1],
      ['note', 1],
    ])
    expect(proposals[1]!.why.join(' ')).toContain(
      'public.notes (folder_id) -> public.folders by name, without a foreign key',
    )
  })

  it('takes tables that begin alike together, but not by what nearly all begin with', () => {
    const tables = ['app_wish_items', 'app_wish_orders', 'app_profiles', 'app_logs'].map((name) =>
      table(name, 'id, user_id'),
    )
    expect(groups({ tables, references: [] })).toEqual({
      log: ['app_logs'],
      profile: ['app_profiles'],
      wish: ['app_wish_items', 'app_wish_orders'],
    })
  })

  it('puts a table between two others with the one it is a part of', () => {
    const tables = [
      table('tracks', 'id, user_id'),
      table('track_tags', 'track_id, tag_id'),
      table('tags', 'id, word'),
    ]
    const references = [
      reference('track_tags', 'track_id', 'tracks', { ...part, inKey: true }),
      reference('track_tags', 'tag_id', 'tags', { inKey: true }),
    ]
    expect(groups({ tables, references })).toEqual({
      track: ['tracks', 'track_tags'],
      tag: ['tags'],
    })
  })

  it('is the same for the same tables, in whatever order they are told', () => {
    const expected = groups(shop)
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...shop.tables], { minLength: shop.tables.length }),
        fc.shuffledSubarray([...shop.references], { minLength: shop.references.length }),
        (tables, references) => {
          const sorted = (all: Record<string, string[]>) =>
            Object.fromEntries(Object.entries(all).map(([name, one]) => [name, [...one].sort()]))
          expect(sorted(groups({ tables, references }))).toEqual(sorted(expected))
        },
      ),
    )
  })
})

describe('the routes of a proposal', () => {
  const routesOf = (name: string, paths: string[]) => {
    const { proposals, unmatched } = proposed(shop, paths)
    return { unmatched, routes: proposals.find((one) => one.name === name)!.routes }
  }

  it('are a beginning and all below it, where nothing else is there', () => {
    const { routes, unmatched } = routesOf('order', [
      '/api/orders',
      '/api/orders/:id/lines',
      '/health',
    ])
    expect(routes).toEqual([
      { methods: [], path: '/api/orders', owner: null },
      { methods: [], path: '/api/orders/*', owner: null },
    ])
    expect(unmatched).toEqual(['/health'])
  })

  it('name the parameter that says whose row it is', () => {
    expect(routesOf('address', ['/users/:id/addresses']).routes).toEqual([
      { methods: ['GET'], path: '/users/:id/addresses', owner: 'id' },
    ])
  })

  it('come first among equals: who has none waits', () => {
    const names = proposed(shop, ['/reviews/:id']).proposals.map(({ name }) => name)
    expect(names[0]).toBe('review')
  })

  it('are read from JSON or YAML, with the prefix of the server', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'banyan-openapi-'))
    try {
      await writeFile(
        join(folder, 'api.yaml'),
        'openapi: 3.1.0\nservers: [{ url: https://shop.example/api/ }]\npaths:\n  /orders/{orderId}:\n    get: { tags: [orders] }\n    delete: {}\n',
      )
      await writeFile(join(folder, 'bad.json'), '{"paths": {"orders": {}}}')
      expect(await readOpenApi('api.yaml', folder)).toEqual([
        { path: '/api/orders/:orderId', methods: ['GET', 'DELETE'], tags: ['orders'] },
      ])
      await expect(readOpenApi('bad.json', folder)).rejects.toThrow(
        '--openapi bad.json: paths.orders',
      )
      await expect(readOpenApi('none.json', folder)).rejects.toThrow('ENOENT')
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
