import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import { run, type Terminal } from 'banyan'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../monolith/db/migrate.ts'

interface Answer {
  readonly proposals: { name: string; why: string[]; tables: { bare: string }[] }[]
  readonly take: string
}

describe('banyan init, on the monolith as it is', () => {
  let server: EmbeddedPostgres
  let url: string
  let folder: string
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    url = await server.createDatabase('lego')
    // Not ours, which looks into no schema by itself.
    const pool = new pg.Pool({ connectionString: url })
    await migrate(pool)
    await pool.end()
    folder = await mkdtemp(join(import.meta.dirname, '..', 'made-init-'))
  })
  afterAll(async () => {
    await server?.stop()
    if (folder) await rm(folder, { recursive: true })
  })

  async function banyan(...args: string[]) {
    const output = { out: '', err: '' }
    const terminal: Terminal = {
      out: (text) => {
        output.out += text
      },
      err: (text) => {
        output.err += text
      },
      outIsTty: false,
      ask: null,
      cwd: folder,
      env: {},
      columns: () => 100,
      ending: new AbortController().signal,
      onReload: () => {},
    }
    const code = await run([...args, '--json'], terminal)
    return { code, ...output }
  }

  it('proposes Profile and Wishlist as the first, says why, and the doctor agrees', async () => {
    const args = ['--monolith', 'http://127.0.0.1:1', '--database', url, '--seconds', '0']
    const { code, out, err } = await banyan('init', ...args)
    expect(code, err).toBe(0)
    const { proposals, take } = JSON.parse(out) as Answer
    expect(proposals.map(({ name, tables }) => [name, tables.length])).toEqual([
      ['profile', 1],
      ['wishlist', 2],
      ['gallery', 3],
      ['moc', 5],
      ['search-change', 1],
    ])
    expect(take).toBe('profile')
    for (const { why } of proposals.slice(0, 2)) {
      expect(why.slice(0, 2)).toEqual([
        'Every row says whose it is (user_id): it can move a share of the users at a time.',
        'No reference leads from it to another capability, or back.',
      ])
    }

    const tables = join(folder, 'services/profile/migrations/0002_tables_of_the_monolith.sql')
    await server.createDatabase('banyan')
    const service = createPool(await server.createDatabase('profile'), { name: 'test' })
    await service.query(await readFile(tables, 'utf8'))
    await service.end()
    const doctor = await banyan('doctor')
    const [{ findings }] = JSON.parse(doctor.out).extractions
    const errors = findings.filter((one: { severity: string }) => one.severity === 'error')
    // Nobody listens there: the rest of the plan stands.
    expect(errors.map(({ check }: { check: string }) => check)).toEqual([
      'monolith-unreachable',
      'service-unreachable',
    ])
  })
})
