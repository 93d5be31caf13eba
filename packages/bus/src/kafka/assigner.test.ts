import { AssignerProtocol } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { membersThatKnowAll } from './assigner.ts'

const member = (memberId: string, userData: string) => ({
  memberId,
  memberMetadata: AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics: ['events'],
    userData: Buffer.from(userData),
  }),
})

describe('the members of a group that are given partitions', () => {
  it.each([
    ['all, when they ask for the same', ['["a","b"]', '["b","a"]'], [0, 1]],
    ['those that ask for one type more', ['["a"]', '["a","b"]', '["a"]', '["a","b"]'], [1, 3]],
    ['all, when none knows every type', ['["a"]', '["b"]'], [0, 1]],
    ['those that tell their types, beside one that does not', ['', '["a"]', 'no JSON'], [1]],
    ['all, when none tells its types', ['', ''], [0, 1]],
  ])('are %s', (_, given, expected) => {
    const members = given.map((types, i) => member(String(i), types))
    expect(membersThatKnowAll(members)).toEqual(expected.map((i) => members[i]))
  })
})
