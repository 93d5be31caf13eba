import { describe, expect, it } from 'vitest'
import { failureOf } from './failure.ts'

const GET = { method: 'GET', correlationId: 'c-1' }
const POST = { method: 'POST', correlationId: 'c-2' }

describe('what a person is told of a failure', () => {
  it('is what the monolith and its services say to their clients', () => {
    const error = { code: 'FORBIDDEN', message: 'Only its user may change a MOC' }
    const failure = failureOf(403, { error }, POST)
    expect(failure).toMatchObject({
      message: 'Only its user may change a MOC.',
      code: 'FORBIDDEN',
      correlationId: 'c-2',
      passing: false,
    })
  })

  it('names the fields and lines that are wrong, not more than can be read', () => {
    const fields = [{ path: 'title', message: 'Too short' }]
    expect(
      failureOf(400, { error: { code: 'VALIDATION', message: '', details: fields } }, POST).faults,
    ).toEqual([{ where: 'title', message: 'Too short' }])
    const lines = Array.from({ length: 9 }, (_, n) => ({ at: n + 1, reason: 'no number' }))
    const { faults } = failureOf(422, { error: { code: 'NO_PARTS', details: lines } }, POST)
    expect(faults).toHaveLength(6)
    expect(faults[0]).toEqual({ where: 'line 1', message: 'no number' })
    expect(faults[5]).toEqual({ where: '', message: 'and 4 more' })
  })

  it.each([
    ['a gateway that holds too long', 503, 'HELD_TOO_LONG', /busy.*changed nothing.*try again/],
    ['a side that does not own the row', 409, 'NOT_OWNER', /being moved.*not been changed/],
    ['a service that is away', 502, 'UPSTREAM_UNREACHABLE', /cannot be reached/],
  ])('says of %s what it means for them', (_what, status, code, words) => {
    const problem = { code, title: 'Bucket 6', detail: 'Bucket 6 of extraction "wishlist"' }
    const failure = failureOf(status, problem, POST)
    expect(failure.message).toMatch(words)
    expect(failure.message).not.toContain('ucket')
  })

  it('does not say that nothing was done when nobody knows', () => {
    const timeout = { code: 'UPSTREAM_TIMEOUT', detail: 'no answer within 5000 ms' }
    expect(failureOf(504, timeout, POST).message).toMatch(/may have been done/)
    expect(failureOf(504, timeout, GET).message).toMatch(/try again/)
  })

  it('knows how long to wait where it was said, and not for ever', () => {
    const after = (retryAfter: string | null) => failureOf(429, null, { ...GET, retryAfter })
    expect(after('3')).toMatchObject({ retryAfterMs: 3_000, passing: true })
    expect(after('86400').retryAfterMs).toBe(20_000)
    for (const none of [null, '', 'Wed, 21 Oct 2026 07:28:00 GMT', '-1']) {
      expect(after(none).retryAfterMs).toBeNull()
    }
  })

  it('has words when no answer came, and when it says nothing', () => {
    expect(failureOf(0, null, GET)).toMatchObject({ code: 'NO_ANSWER', passing: true })
    expect(failureOf(500, null, GET).message).toMatch(/went wrong here/)
    expect(failureOf(418, null, GET).message).toBe('This was refused (418).')
  })
})
