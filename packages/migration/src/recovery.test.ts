import { describe, expect, it } from 'vitest'
import { judge } from './recovery.ts'
import type { BucketState } from './sides.ts'

type Row = [BucketState, number]

describe('recovery judges a bucket by its rows in both databases', () => {
  it.each<[Row, Row, string]>([
    [['open', 1], ['closed', 0], 'settled'],
    [['closed', 2], ['open', 3], 'settled'],
    // A closing: it was not given, so the other cannot have opened.
    [['closing', 2], ['closed', 0], 'reopen source'],
    [['closed', 2], ['closing', 4], 'reopen target'],
    // A given: only forward.
    [['given', 2], ['closed', 0], 'to target'],
    [['closed', 2], ['given', 4], 'to source'],
    // Z open: finish.
    [['given', 2], ['open', 3], 'finish source'],
    [['open', 5], ['given', 4], 'finish target'],
    // Neither open and neither under way: the higher epoch was the owner.
    [['closed', 2], ['closed', 3], 'reopen target'],
    [['closed', 4], ['closed', 3], 'reopen source'],
  ])('source %j and target %j: %s', (s, t, verdict) => {
    expect(judge({ state: s[0], epoch: s[1] }, { state: t[0], epoch: t[1] })).toBe(verdict)
  })
})
