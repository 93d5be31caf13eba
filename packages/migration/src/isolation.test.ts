import type { Gateway } from '@banyan/gateway'
import { createPool, type EmbeddedPostgres, type Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Gateways } from './gateways.ts'
import { startForumLoad } from './testing/forum-load.ts'
import { ForumSystem } from './testing/forum-system.ts'
import { addNotes, atStep } from './testing/notes.ts'

/* Two extractions of one monolith: "posts" to one database server, "notes" to another that dies. */

let forum: ForumSystem
let other: EmbeddedPostgres
let control: Pool
let gateway: Gateway
let load: ReturnType<typeof startForumLoad> | undefined

beforeAll(async () => {
  forum = await ForumSystem.start({
    steps: [
      { percent: 50, seconds: 0, next: 'manual' },
      { percent: 100, seconds: 0 },
    ],
    gates: { minimumRequests: 0, latencyRatio: 1000 },
    shadow: { percent: 0 },
    soakSeconds: 3600,
  })
  other = await addNotes(forum, [{ percent: 100, seconds: 0 }])
  control = createPool(forum.plan.control.databaseUrl, { name: 'test' })
  const engine = await forum.startEngine()
  gateway = await forum.startGateway('one', [engine.url])
}, 60_000)

afterAll(async () => {
  await load?.stop()
  await forum.stop()
  await Promise.all([control.end(), other.stop()])
})

async function tokenOf(name: string): Promise<string> {
  const { rows } = await forum.source.query<{ token: string }>(
    'SELECT token FROM banyan.token WHERE extraction = $1',
    [name],
  )
  return rows[0]!.token
}

describe('an extraction whose target dies in the middle of a handover', () => {
  it('is taken up anew on its own, while the one beside it moves on without a stop', async () => {
    await forum.act('start')
    await forum.await((status) => status.waitsFor.includes('promote'))
    load = startForumLoad(`http://127.0.0.1:${gateway.publicPort}`, forum.users)
    const token = await tokenOf('posts')

    await atStep(
      forum,
      control,
      'open',
      () => forum.act('start', {}, 'notes'),
      () => other.kill(),
    )
    const { trouble, waitsFor } = await forum.await(
      (status) => (status.trouble?.failures ?? 0) >= 2,
      'notes',
    )
    expect(trouble!.why).toMatch(/ECONNREFUSED|terminat/)
    expect(waitsFor[0]).toContain('recovery')
    // Given is given: the source refuses, until the target can be opened.
    const write = () => forum.source.query(`INSERT INTO public.notes (owner) VALUES ('1')`)
    await expect(write()).rejects.toMatchObject({ code: 'BN001' })

    await forum.act('promote')
    await forum.awaitPhase('soaking')
    const { failures, stale } = await load.stop()
    expect({ failures, stale }).toEqual({ failures: [], stale: [] })
    expect(await tokenOf('posts')).toBe(token)
    expect((await forum.ledger()).map((entry) => entry.what)).not.toContain('interrupted')
    expect(await forum.status('notes')).toMatchObject({ trouble: { failures: expect.any(Number) } })

    await other.start()
    const healed = await forum.await((status) => status.phase === 'soaking', 'notes')
    expect(healed).toMatchObject({ percent: 100, trouble: null })
    const notes = (await forum.ledger('notes')).map((entry) => entry.what)
    expect(notes.filter((what) => what === 'interrupted')).toHaveLength(1)
    expect(notes).toContain('recovered')
  }, 120_000)
})

describe('tables of two extractions', () => {
  it('that are published at once reach the gateway, each with its acknowledgement', async () => {
    const gateways = new Gateways(control, forum.plan.control.token)
    const { rows } = await control.query<{ token: string }>(
      'SELECT token FROM banyan_control.lease',
    )
    await forum.waitFor(async () => (await gateways.status()).length === 1)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        gateways.publish(BigInt(rows[0]!.token), i % 2 ? 'posts' : 'notes', (table) => table, {
          drainMs: 0,
          outlast: false,
        }),
      ),
    )
    expect(answers.map((answer) => answer.why)).toEqual(answers.map(() => null))
    expect(new Set(answers.map((answer) => answer.table.version)).size).toBe(20)
  })
})
