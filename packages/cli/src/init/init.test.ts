import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FakeTerminal } from '../testing/fake-terminal.ts'

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))
const MONOLITH = ['--monolith', 'http://127.0.0.1:1', '--seconds', '0']

const SCHEMA = `
  CREATE TYPE public.mood AS ENUM ('glad', 'sad');
  CREATE TABLE public.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);
  CREATE TABLE public.diaries (
    id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES public.users, title text NOT NULL, mood public.mood);
  CREATE TABLE public.diary_pages (
    id bigserial PRIMARY KEY, diary_id bigint NOT NULL REFERENCES public.diaries ON DELETE CASCADE, text text);
  CREATE TABLE public.alarms (id bigserial PRIMARY KEY, user_id bigint NOT NULL REFERENCES public.users, at time);
  CREATE FUNCTION public.shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
  CREATE TRIGGER loud BEFORE INSERT ON public.alarms FOR EACH ROW EXECUTE FUNCTION public.shout();
  INSERT INTO public.users (email) VALUES ('a@example.org'), ('b@example.org');
  INSERT INTO public.diaries (user_id, title) SELECT 1, n FROM generate_series(1, 100) AS n;
  CREATE ROLE reader LOGIN PASSWORD 'sesame';
  CREATE ROLE stranger LOGIN PASSWORD 'sesame';
  REVOKE CONNECT ON DATABASE monolith FROM PUBLIC; GRANT CONNECT ON DATABASE monolith TO reader;
  REVOKE USAGE ON SCHEMA public FROM PUBLIC;`

describe('banyan init', () => {
  let server: EmbeddedPostgres
  let url: string
  let pool: Pool
  let folder: string
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    url = await server.createDatabase('monolith')
    pool = createPool(url, { name: 'test' })
    await pool.query(SCHEMA)
  })
  afterAll(async () => {
    await pool?.end()
    await server?.stop()
  })
  // Where "banyan" can be imported from.
  beforeEach(async () => {
    folder = await mkdtemp(join(PACKAGE, 'made-init-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function init(...args: string[]) {
    const terminal = new FakeTerminal({ cwd: folder })
    const code = await terminal.run('init', ...MONOLITH, ...args, '--json')
    return { code, terminal }
  }

  function as(role: string, password = 'sesame'): string {
    const other = new URL(url)
    other.username = role
    other.password = password
    return other.href
  }

  it('writes a plan that loads, with its reasons, its secrets apart, and a service with the tables', async () => {
    const { code, terminal } = await init('--database', url, '--take', 'diary')
    expect(code, terminal.err).toBe(0)
    const text = await readFile(join(folder, 'banyan.config.ts'), 'utf8')
    expect(text).toContain('// Every row says whose it is (user_id, through diary_id)')
    expect(text).toContain('public.users: 2 tables refer to it')
    expect(text).not.toContain('postgres://')
    expect((await stat(join(folder, 'banyan.env'))).mode & 0o077).toBe(0)

    const plan = new FakeTerminal({ cwd: folder })
    expect(await plan.run('plan', '--json'), plan.err).toBe(0)
    expect(plan.json).toMatchObject({ extractions: [{ extraction: 'diary' }] })

    const file = join(folder, 'services/diary/migrations/0002_tables_of_the_monolith.sql')
    const service = createPool(await server.createDatabase('diary'), { name: 'test' })
    try {
      await service.query(await readFile(file, 'utf8'))
      const { rows } = await service.query(
        `SELECT string_agg(relname, ' ' ORDER BY relname) AS made FROM pg_class
          WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
      )
      expect(rows).toEqual([{ made: 'diaries diary_pages' }])
    } finally {
      await service.end()
    }
  })

  it('tells a person what it proposes, in which order, and what to do next', async () => {
    const terminal = new FakeTerminal({ cwd: folder })
    expect(await terminal.run('init', ...MONOLITH, '--database', url), terminal.err).toBe(0)
    expect(terminal.out).toMatch(/1\. alarm .*\n.*2\. diary/s)
    expect(terminal.out).toContain('Left out of its tables: trigger loud of public.alarms')
    expect(terminal.out).toContain('CREATE DATABASE alarm; CREATE DATABASE banyan;')
  })

  it('counts writes for as long as it is told, where the server does not say since when', async () => {
    const { terminal } = await init('--database', url, '--seconds', '0.01')
    expect(terminal.json).toMatchObject({ counted: { since: 'look', seconds: 0.01 } })
    await rm(join(folder, 'banyan.config.ts'))
    await rm(join(folder, 'banyan.env'))
    await rm(join(folder, 'services'), { recursive: true })
    await pool.query('SELECT pg_stat_reset()')
    const again = await init('--database', url, '--seconds', '0.01')
    expect(again.terminal.json).toMatchObject({ counted: { since: 'reset' } })
  })

  it('writes over nothing', async () => {
    await writeFile(join(folder, 'banyan.env'), 'MINE=1\n')
    const { code, terminal } = await init('--database', url)
    expect([code, terminal.problem.detail]).toEqual([
      2,
      'banyan.env is here already; nothing is written over',
    ])
    expect(await readdir(folder)).toEqual(['banyan.env'])
  })

  it('says which right is missing, and the GRANT that gives it, until it can read', async () => {
    const lacks = async () => {
      const { code, terminal } = await init('--database', as('reader'))
      expect(code).toBe(2)
      expect(terminal.problem.code).toBe('DATABASE_UNREADABLE')
      expect(await readdir(folder)).toEqual([])
      return terminal.problem
    }
    const all = await lacks()
    expect(all.detail).toBe(
      'role "reader" lacks USAGE on schema public and SELECT on 4 of 4 tables in it (public.alarms, public.diaries, public.diary_pages and 1 more)',
    )
    const grants = all.next.replace(/^[^:]*: /, '')
    expect(grants).toBe(
      'GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;',
    )
    await pool.query(grants)
    await pool.query('REVOKE SELECT ON public.diary_pages FROM reader')
    const one = await lacks()
    expect(one.next).toContain('GRANT SELECT ON public.diary_pages TO reader;')
    await pool.query(one.next.replace(/^[^:]*: /, ''))
    expect((await init('--database', as('reader'))).code).toBe(0)
  })

  it('says who may not come in, and does not show the password', async () => {
    const closed = await init('--database', as('stranger'))
    expect(closed.terminal.problem).toMatchObject({
      code: 'DATABASE_UNREADABLE',
      next: 'GRANT CONNECT ON DATABASE "monolith" TO "stranger";',
    })
    const wrong = await init('--database', as('reader', 'guess'))
    expect(wrong.terminal.problem.next).toContain('Correct the user or password in --database')
    expect(wrong.terminal.err).not.toContain('guess')
  })

  it('takes no proposal that is none, and no address that is none', async () => {
    const { terminal } = await init('--database', url, '--take', 'dairy')
    expect(terminal.problem.next).toBe('Did you mean "diary"?')
    const path = new FakeTerminal({ cwd: folder })
    expect(await path.run('init', '--monolith', 'http://a/b', '--database', url)).toBe(2)
    expect(path.err).toContain('allowed is a base URL')
    expect(await readdir(folder)).toEqual([])
  })
})
