import { chown, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createPool, type Pool } from '@banyan/postgres'
import { leftovers } from '@banyan/replication'
import { afterEach, describe, expect, it } from 'vitest'
import { ForumSystem } from './testing/forum-system.ts'
import { bothSidesAreEqual } from './testing/forum-verdict.ts'

/* What an operator does after each thing that a stream or a side does not survive. */

let forum: ForumSystem | undefined
afterEach(() => forum?.stop())

const QUICK = {
  steps: [
    { percent: 50, seconds: 0, next: 'manual' as const },
    { percent: 100, seconds: 0 },
  ],
  gates: { minimumRequests: 0 },
  shadow: { percent: 0 },
  soakSeconds: 3600,
}

async function pausedWhy(system: ForumSystem): Promise<string> {
  let why: string | null = null
  await system.waitFor(async () => {
    const status = await system.status()
    why = status.paused ? status.pausedWhy : null
    return why !== null
  })
  return why!
}

describe('the way out', () => {
  it('of a slot that was invalidated is to cancel, empty the target, and start again', async () => {
    forum = await ForumSystem.start({ ...QUICK, copyRowsPerSecond: 200 })
    const { source, target } = forum
    const engine = await forum.startEngine()
    await forum.startGateway('one', [engine.url])
    await forum.act('start')
    await forum.waitFor(async () => (await forum!.status()).copy.rows > 0)
    await invalidateSlots(source)
    expect(await pausedWhy(forum)).toMatch(/slot banyan_posts_forward .*(invalidated|gone)/)
    await forum.act('cancel')
    await forum.waitFor(async () => (await forum!.status()).phase === 'cancelled')
    expect([...(await leftovers(source)), ...(await leftovers(target))]).toEqual([])
    await target.query('TRUNCATE content.post, content.post_tag')
    await forum.act('throttle', { rowsPerSecond: 1e9 })
    await forum.act('start')
    await forum.awaitPhase('canary')
    await bothSidesAreEqual(forum)
  }, 120_000)

  it('of a table that was changed is to change it back and resume, or to cancel', async () => {
    forum = await ForumSystem.start(QUICK)
    const { source, target } = forum
    const engine = await forum.startEngine()
    await forum.startGateway('one', [engine.url])
    await forum.act('start')
    await forum.awaitPhase('canary')
    await source.query('ALTER TABLE public."PostTags" RENAME TO "Labels"')
    expect(await pausedWhy(forum)).toMatch(/PostTags/)
    await source.query('ALTER TABLE public."Labels" RENAME TO "PostTags"')
    await forum.act('resume')
    await forum.waitFor(async () => (await forum!.status()).streams.forward.state === 'streaming')
    await forum.act('rollback')
    await forum.awaitPhase('rolled back')
    await target.query('ALTER TABLE content.post DROP COLUMN text CASCADE')
    await forum.waitFor(async () => (await forum!.status()).streams.forward.state === 'broken')
    await forum.act('cancel')
    await forum.waitFor(async () => (await forum!.status()).phase === 'cancelled')
    expect([...(await leftovers(source)), ...(await leftovers(target))]).toEqual([])
  }, 120_000)
})

it('a move that is cancelled leaves nothing, whatever it was at', async () => {
  // Shadowing waits for comparisons that nobody causes.
  forum = await ForumSystem.start({ ...QUICK, shadow: { percent: 100, minimumCompared: 1 } })
  const { source, target } = forum
  const engine = await forum.startEngine()
  await forum.startGateway('one', [engine.url])
  for (const phase of ['copying', 'shadowing'] as const) {
    await forum.act('throttle', { rowsPerSecond: phase === 'copying' ? 0 : 1e9 })
    await forum.act('start')
    await forum.awaitPhase(phase)
    await forum.waitFor(async () => (await leftovers(source)).some((one) => one.startsWith('slot')))
    await forum.act('cancel')
    await forum.waitFor(async () => (await forum!.status()).phase === 'cancelled')
    expect([...(await leftovers(source)), ...(await leftovers(target))]).toEqual([])
    await target.query('TRUNCATE content.post, content.post_tag')
  }
}, 120_000)

it('both sides close when one is on another timeline, and stay so until an operator confirms it', async () => {
  // Two servers: the monolith's fails over.
  forum = await ForumSystem.start(QUICK, { target: 18 })
  const { source, target, server } = forum
  const engine = await forum.startEngine()
  await forum.startGateway('one', [engine.url])
  await forum.act('start')
  await forum.awaitPhase('canary')
  await forum.waitFor(async () => (await open(target)) === 512)
  expect(await open(source)).toBe(512)

  await server.kill()
  const signal = join(server.dataDir, 'standby.signal')
  await writeFile(signal, '')
  const { uid, gid } = await stat(server.dataDir)
  await chown(signal, uid, gid)
  await server.start()
  // As superuser of another database: the forum's own pool finds a standby meanwhile.
  const admin = createPool(server.url(), { name: 'admin' })
  await admin.query('SELECT pg_promote()')
  await admin.end()

  expect(await pausedWhy(forum)).toMatch(
    /The source of "posts" was server \d+ timeline 1 and is \d+ timeline 2/,
  )
  expect([await open(source), await open(target)]).toEqual([0, 0])
  const stray = source.query(`INSERT INTO public."Posts" ("authorId", "Title") VALUES (1, 'x')`)
  await expect(stray).rejects.toMatchObject({ code: 'BN001' })
  await forum.act('resume')
  await forum.waitFor(async () => {
    const ledger = await forum!.ledger()
    return ledger.filter((entry) => entry.what === 'paused').length === 2
  })
  expect([await open(source), await open(target)]).toEqual([0, 0])

  await forum.act('confirm', { by: 'test', why: 'the old primary is gone' })
  await forum.waitFor(async () => (await open(source)) === 512 && (await open(target)) === 512)
  await forum.act('promote', { percent: 100 })
  await forum.awaitPhase('soaking')
  await bothSidesAreEqual(forum)
}, 120_000)

async function open(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM banyan.ownership WHERE state = 'open'",
  )
  return rows[0]!.n
}

/** As a server does that may keep little log for slots. */
async function invalidateSlots(pool: Pool): Promise<void> {
  await pool.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
  await pool.query('SELECT pg_reload_conf()')
  await pool.query(
    `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL`,
  )
  for (let lost = false; !lost; ) {
    await pool.query('SELECT pg_switch_wal()')
    await pool.query("SELECT pg_logical_emit_message(false, 'noise', repeat('x', 2000000))")
    await pool.query('SELECT pg_switch_wal()')
    await pool.query('CHECKPOINT')
    const { rows } = await pool.query(
      "SELECT bool_or(wal_status = 'lost') AS lost FROM pg_replication_slots",
    )
    lost = rows[0].lost ?? false
  }
  await pool.query('ALTER SYSTEM RESET max_slot_wal_keep_size')
  await pool.query('SELECT pg_reload_conf()')
}
