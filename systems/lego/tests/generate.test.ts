import { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Generated, generate, PASSWORD, userId } from '../generate.ts'
import { send } from '../testing/monolith.ts'
import { startProcess } from '../testing/processes.ts'

const SIZE = { users: 40, items: 1_000, seed: 7 }

describe('the generator', () => {
  let server: EmbeddedPostgres
  let generated: Generated
  let urls: { monolithUrl: string; authUrl: string }
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    urls = {
      monolithUrl: await server.createDatabase('lego'),
      authUrl: await server.createDatabase('auth'),
    }
    generated = await generate({ ...urls, ...SIZE })
  })
  afterAll(() => server.stop())

  const ask = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query(text)
    await client.end()
    return rows[0]
  }
  const digest = (url: string) =>
    ask(url, `SELECT md5(string_agg(i::text, '|' ORDER BY id)) AS items FROM wishlist_items i`)

  it('makes as much as it is told, and keeps the invariants', async () => {
    expect(generated).toMatchObject({ users: 40, items: 1_000, mocs: 20, images: 40 })
    const counted = await ask(
      urls.monolithUrl,
      `SELECT (SELECT count(*)::int FROM wishlist_items) AS items,
              (SELECT count(DISTINCT user_id)::int FROM wishlist_items) AS users,
              (SELECT count(*)::int FROM moc_instructions m WHERE total_piece_count IS DISTINCT FROM
                (SELECT sum(piece_count) FROM moc_parts_lists WHERE moc_id = m.id)) AS miscounted,
              (SELECT count(*)::int FROM moc_instructions WHERE search = '') AS unsearchable`,
    )
    expect(counted).toEqual({ items: 1_000, users: 40, miscounted: 0, unsearchable: 0 })
  })

  it('makes the same again from the same seed, and says so when there is something already', async () => {
    const again = await server.createDatabase('again')
    await generate({ monolithUrl: again, ...SIZE })
    expect(await digest(again)).toEqual(await digest(urls.monolithUrl))
    await expect(generate({ monolithUrl: again, ...SIZE })).rejects.toThrow('items already')
  })

  it('makes users who can sign in', async () => {
    const auth = await startProcess('auth/main.ts', { DATABASE_URL: urls.authUrl })
    const body = { email: 'user.3@example.org', password: PASSWORD }
    const answer = await send(`${auth.url}/sign-in`, 'POST', {}, body)
    await auth.end()
    expect(answer.body.user.id).toBe(userId(SIZE.seed, 3))
  })
})
