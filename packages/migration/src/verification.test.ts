import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LedgerEntry } from './status.ts'
import { ForumSystem, OLD_POSTS } from './testing/forum-system.ts'

let forum: ForumSystem

beforeAll(async () => {
  // It never gets its answers to compare, and so stays where it is.
  forum = await ForumSystem.start({ shadow: { minimumCompared: 1_000_000 }, verify: { share: 1 } })
  await forum.startEngine()
  await forum.act('start')
  await forum.awaitPhase('shadowing')
}, 120_000)
afterAll(() => forum.stop())

/** A write that the guard lets pass, as nobody but the engine's role can make it. */
async function rogue(text: string): Promise<void> {
  const client = await forum.target.connect()
  await client.query('BEGIN')
  await client.query(
    "SELECT set_config('banyan.exempt', secret, true), set_config('session_replication_role', 'replica', true) FROM banyan.engine",
  )
  await client.query(text)
  await client.query('COMMIT')
  client.release()
}

const repair = (table: string, key: string[], more: object = {}) =>
  forum.control('POST', '/v1/extractions/posts/repair', { table, key, ...more })

describe('the comparison that goes on', () => {
  it('counts its runs, finds a rogue write by itself, and lets go of a row that agrees again', async () => {
    const { verify } = await forum.status()
    await forum.await((status) => status.verify.runs > verify.runs)
    expect(await forum.status()).toMatchObject({ verify: { divergent: 0, divergentRows: [] } })

    await rogue("UPDATE content.post SET title = 'rogue' WHERE id = 7")
    await rogue('DELETE FROM content.post_tag WHERE (post_id, tag_id) = (9, 10)')
    const found = await forum.await((status) => status.verify.divergent === 2)
    expect(found.verify.divergentRows).toEqual([
      { table: 'public."Posts"', key: ['7'], kind: 'changed', columns: ['title'] },
      { table: 'public."PostTags"', key: ['9', '10'], kind: 'missing', columns: [] },
    ])
    expect(found.verify.rows).toBe(2 * OLD_POSTS)
    await forum.await((status) => status.waitsFor.includes('2 rows to agree'))
    await rogue("UPDATE content.post SET title = 'old post 7' WHERE id = 7")
    const left = await forum.await((status) => status.verify.divergent === 1)
    expect(left.verify.divergentRows).toMatchObject([{ table: 'public."PostTags"' }])
  })

  it('repairs a row that an operator names, and writes down who asked', async () => {
    const asked = { by: 'ada', why: 'ticket 7', values: true }
    const { status, body } = await repair('public."PostTags"', ['9', '10'], asked)
    expect(body).toEqual({
      row: 'public."PostTags":["9","10"]',
      kind: 'missing',
      columns: [],
      owner: 'source',
      written: 'target',
      outcome: 'written',
      values: [],
    })
    expect(status).toBe(200)
    await forum.await(({ verify }) => verify.divergent === 0)
    const ledger = (await forum.control('GET', '/v1/extractions/posts/ledger')).body as {
      entries: LedgerEntry[]
    }
    const entries = ledger.entries.filter((one) => one.what === 'repair')
    expect(
      entries.map(({ kind, detail }) => [kind, detail.by, detail.why, detail.outcome]),
    ).toEqual([
      ['intent', 'ada', 'ticket 7', undefined],
      ['fact', undefined, undefined, 'written'],
    ])
  })

  it.each([
    ['public."Posts"', ['7'], 409, 'NOTHING_TO_REPAIR', 'it is equal on both sides'],
    ['public."Posts"', ['-7'], 409, 'NOTHING_TO_REPAIR', 'neither side has such a row'],
    ['public.posts', ['7'], 404, 'NO_SUCH_TABLE', 'moves public."Posts", public."PostTags"'],
    ['public."Posts"', ['x'], 400, 'BAD_REQUEST', 'invalid input syntax for type bigint'],
    [
      'public."PostTags"',
      ['7'],
      400,
      'BAD_REQUEST',
      'the key of public."PostTags" is (postId, tagId)',
    ],
  ])('refuses %s %j with %i %s', async (table, key, status, code, detail) => {
    const answer = await repair(table, key)
    expect(answer).toMatchObject({ status, body: { code } })
    expect((answer.body as { detail: string }).detail).toContain(detail)
  })

  it('refuses a row whose bucket is being handed over', async () => {
    await rogue("UPDATE content.post SET title = 'rogue' WHERE id = 8")
    // The source has seen, and refused, what the stream brought it of this.
    await forum.await(({ verify }) => verify.divergent === 1)
    await forum.source.query("UPDATE banyan.ownership SET state = 'closing', epoch = epoch + 1")
    // What differs can only be told once the bucket has an owner again.
    expect(await repair('public."Posts"', ['8'])).toMatchObject({
      status: 409,
      body: { code: 'REPAIR_REFUSED' },
    })
    await forum.source.query("UPDATE banyan.ownership SET state = 'open', epoch = epoch + 1")
    await forum.await(({ verify }) => verify.divergent === 1)
    expect(await repair('public."Posts"', ['8'])).toMatchObject({ status: 200 })
  })

  it('asks nothing of a database once the extraction has ended', async () => {
    await forum.act('cancel')
    await forum.awaitPhase('cancelled')
    expect(await repair('public."Posts"', ['7'])).toMatchObject({
      status: 409,
      body: { code: 'WRONG_PHASE' },
    })
  })
})
