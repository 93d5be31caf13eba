import { bucketOf } from '@banyan/contracts'
import { type FinalValue, type Initial, Random } from '@banyan/lab'
import pg from 'pg'
import { currentKey } from './auth/keys.ts'
import { tokenMinter } from './auth/mint.ts'
import { entityOf, orderOf, type Person } from './wisher.ts'

/** Buckets of the first step, 1 %: some of the people must be in them, or that step would see nobody. */
const FIRST_BUCKETS = 10
const MOST_FIRST = 12
/** Tokens are good for the whole demonstration, however long it stays up, s. */
const TOKEN_LIFETIME_S = 7 * 86_400

/**
 * Chooses users of the monolith for the load, with what they have and a token each.
 *
 * @param count how many; fewer when the monolith has fewer with 2 to 60 items
 */
export async function choosePeople(
  urls: { monolith: string; auth: string },
  count: number,
  seed: number,
): Promise<Person[]> {
  const ids = (
    await query<{ user_id: string }>(
      urls.monolith,
      `SELECT user_id FROM wishlist_items GROUP BY user_id HAVING count(*) BETWEEN 2 AND 60 ORDER BY user_id`,
    )
  ).map((row) => row.user_id)
  const shuffled = new Random(seed).shuffled(ids)
  const first = shuffled.filter((id) => bucketOf(id) < FIRST_BUCKETS).slice(0, MOST_FIRST)
  const chosen = [...new Set([...first, ...shuffled])].slice(0, count)
  const [items, profiles, mint] = await Promise.all([
    query<{ user_id: string; id: string; title: string; quantity: number }>(
      urls.monolith,
      `SELECT user_id, id, title, quantity FROM wishlist_items WHERE user_id = ANY($1) ORDER BY user_id, sort_order`,
      [chosen],
    ),
    query<{ user_id: string; display_name: string }>(
      urls.monolith,
      'SELECT user_id, display_name FROM user_profiles WHERE user_id = ANY($1)',
      [chosen],
    ),
    minter(urls.auth),
  ])
  const itemsOf = byUser(items)
  const nameOf = new Map(profiles.map((row) => [row.user_id, row.display_name]))
  return Promise.all(
    chosen.map(async (id) => ({
      id,
      token: await mint({ sub: id, email: `${id}@example.org`, roles: ['user'] }),
      items: itemsOf.get(id)!.map(({ id, title, quantity }) => ({ id, title, quantity })),
      displayName: nameOf.get(id) ?? null,
    })),
  )
}

/** What the people had before the load, for the checker. */
export function initialOf(people: readonly Person[]): Initial[] {
  return people.flatMap(({ id: user, items, displayName }) => [
    ...items.map((item) => ({ user, ...entityOf(item) })),
    { user, entity: 'order', value: orderOf(items.map((item) => entityOf(item).entity)) },
    ...(displayName === null ? [] : [{ user, entity: 'profile', value: displayName }]),
  ])
}

/** A database, and what selects some users' rows (`$1`) in it. */
export interface Holder {
  readonly url: string
  readonly sql: string
}

/** What the people have at the end, where it is owned. */
export async function finalOf(
  people: readonly Person[],
  owners: { wishlists: Holder; profiles: Holder },
): Promise<FinalValue[]> {
  const ids = people.map((person) => person.id)
  const [items, profiles] = await Promise.all([
    query<{ user_id: string; id: string; title: string; quantity: number }>(
      owners.wishlists.url,
      owners.wishlists.sql,
      [ids],
    ),
    query<{ user_id: string; display_name: string }>(owners.profiles.url, owners.profiles.sql, [
      ids,
    ]),
  ])
  const itemsOf = byUser(items)
  return [
    ...ids.flatMap((user) => {
      const entities = (itemsOf.get(user) ?? []).map(entityOf)
      const order = orderOf(entities.map(({ entity }) => entity))
      return [...entities.map((one) => ({ user, ...one })), { user, entity: 'order', value: order }]
    }),
    ...profiles.map((row) => ({ user: row.user_id, entity: 'profile', value: row.display_name })),
  ]
}

function byUser<Row extends { user_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const group = groups.get(row.user_id)
    if (group) group.push(row)
    else groups.set(row.user_id, [row])
  }
  return groups
}

async function minter(authUrl: string) {
  const client = new pg.Client({ connectionString: authUrl })
  await client.connect()
  try {
    const key = await currentKey(client)
    if (!key) throw new Error('the Auth Service has no signing key yet')
    return await tokenMinter(key, { lifetimeS: TOKEN_LIFETIME_S })
  } finally {
    await client.end()
  }
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}
