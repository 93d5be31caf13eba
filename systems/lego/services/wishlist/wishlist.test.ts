import { NOT_OWNER_HEADER, signIdentity } from '@banyan/contracts'
import { EmbeddedPostgres } from '@banyan/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, send } from '../../testing/monolith.ts'
import { eventually, type Running, startProcess } from '../../testing/processes.ts'

const KEY = 'a key for these tests alone'

describe('the Wishlist Service', () => {
  let server: EmbeddedPostgres
  let db: pg.Pool
  let env: Record<string, string>
  let service: Running
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    env = {
      DATABASE_URL: await server.createDatabase('wishlist'),
      BUS_URL: await server.createDatabase('bus'),
      BANYAN_IDENTITY_KEY: KEY,
    }
    service = await startProcess('services/wishlist/main.ts', env)
    db = new pg.Pool({ connectionString: env.DATABASE_URL, max: 2 })
    // A connection that is being closed may hear of the server's end first.
    db.on('error', () => {})
    await db.query(`
      CREATE TABLE public.refusals (owner_id text PRIMARY KEY, state text, times int, met int DEFAULT 0);
      CREATE SEQUENCE public.met;
      -- Stands for the guard of a handover: refuses the writes of some owners.
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE owner text := coalesce(NEW.owner_id, OLD.owner_id); refusal public.refusals;
      BEGIN
        SELECT * INTO refusal FROM public.refusals r WHERE r.owner_id = owner;
        -- A sequence outlives the rollback, so a refusal can be for a number of times.
        IF FOUND AND nextval('public.met') <= refusal.times THEN
          RAISE EXCEPTION USING ERRCODE = refusal.state, MESSAGE = 'wishlist.items: bucket 7 of extraction "wishlist" is owned by the monolith since 2026-01-01T00:00:00.000Z; this write was refused';
        END IF;
        RETURN coalesce(NEW, OLD);
      END $$;
      CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON wishlist.items
        FOR EACH ROW EXECUTE FUNCTION public.refuse();`)
  })
  afterAll(async () => {
    await db.end()
    await service.end()
    await server.stop()
  })

  const as = (owner: string, method: string, path: string, body?: unknown): Promise<Answer> => {
    const identity = signIdentity({ userId: owner, email: null, roles: [] }, KEY)
    const headers = { 'x-banyan-identity': identity }
    return send(`${service.url}/v1/wishlist${path}`, method, headers, body)
  }
  const addItems = async (owner: string, titles: string[]) => {
    const ids: string[] = []
    for (const title of titles) ids.push((await as(owner, 'POST', '', { title })).body.id)
    return ids
  }
  const order = async (owner: string) =>
    (await as(owner, 'GET', '')).body.items.map((item: { title: string }) => item.title).join('')
  const refuse = async (owner: string, state: string, times = 1_000_000) => {
    await db.query(`SELECT setval('public.met', 1, false)`)
    await db.query('INSERT INTO public.refusals VALUES ($1, $2, $3)', [owner, state, times])
  }
  const applied = (owner: string) =>
    eventually('the order is applied', async () => {
      return !(await as(owner, 'GET', '/reorder/status')).body.pending
    })

  it('applies a debounced order after kill -9', async () => {
    const ids = await addItems('dragger', ['A', 'B', 'C'])
    const { body } = await as('dragger', 'POST', '/reorder/debounced', {
      itemIds: ids.toReversed(),
    })
    expect(Date.parse(body.dueAt) - Date.parse(body.requestedAt)).toBe(500)
    await service.end('SIGKILL')
    service = await startProcess('services/wishlist/main.ts', env)
    await applied('dragger')
    expect(await order('dragger')).toBe('CBA')
  })

  it('answers NOT_OWNER when the database says that the other side owns the row', async () => {
    const [id] = await addItems('moved', ['A'])
    await refuse('moved', 'BN001')
    for (const answer of [
      await as('moved', 'POST', '', { title: 'B' }),
      await as('moved', 'PATCH', `/${id}`, { title: 'B' }),
      await as('moved', 'DELETE', `/${id}`),
    ]) {
      expect(answer).toMatchObject({
        status: 409,
        body: { code: 'NOT_OWNER', bucket: 7, extraction: 'wishlist', owner: 'monolith' },
      })
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(answer.headers.get(NOT_OWNER_HEADER)).toBe('1')
    }
  })

  it('tries a transaction once more that a handover overtook, then answers 503', async () => {
    await refuse('overtaken', '40001', 1)
    expect((await as('overtaken', 'POST', '', { title: 'A' })).status).toBe(201)
    await db.query(`DELETE FROM public.refusals WHERE owner_id = 'overtaken'`)
    await refuse('overtaken', '40001', 2)
    const answer = await as('overtaken', 'POST', '', { title: 'B' })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
  })

  it('keeps a debounced order it may not apply, quietly, while it applies those of others', async () => {
    const away = await addItems('away', ['A', 'B'])
    const here = await addItems('here', ['A', 'B'])
    await refuse('away', 'BN001')
    await as('away', 'POST', '/reorder/debounced', { itemIds: away.toReversed() })
    await as('here', 'POST', '/reorder/debounced', { itemIds: here.toReversed() })
    await applied('here')
    await eventually('the other one was tried', async () => {
      const { rows } = await db.query('SELECT last_value > 1 AS tried FROM public.met')
      return rows[0].tried
    })
    expect((await as('away', 'GET', '/reorder/status')).body.pending).toBe(true)
    expect(service.log()).not.toContain('debounced')
    await db.query(`DELETE FROM public.refusals WHERE owner_id = 'away'`)
    await applied('away')
    expect(await order('away')).toBe('BA')
  })
})
