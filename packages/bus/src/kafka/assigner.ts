import {
  AssignerProtocol,
  type GroupMember,
  type PartitionAssigner,
  PartitionAssigners,
} from 'kafkajs'

const { MemberMetadata } = AssignerProtocol

/**
 * Shares partitions among the members that know every type that any member of the group asks for: while
 * a version that asks for one more is rolled out, one of yesterday would pass over what it does not know.
 * When no member knows them all, among all.
 */
export function assignerOf(types: readonly string[]): PartitionAssigner {
  return (config) => {
    const roundRobin = PartitionAssigners.roundRobin(config)
    return {
      ...roundRobin,
      assign: ({ members, topics }) =>
        roundRobin.assign({ members: membersThatKnowAll(members), topics }),
      protocol: ({ topics }) => ({
        name: roundRobin.name,
        metadata: MemberMetadata.encode({
          version: roundRobin.version,
          topics,
          userData: Buffer.from(JSON.stringify(types)),
        }),
      }),
    }
  }
}

export function membersThatKnowAll(members: readonly GroupMember[]): GroupMember[] {
  const known = members.map(({ memberMetadata }) => new Set(typesIn(memberMetadata)))
  const asked = new Set(known.flatMap((types) => [...types]))
  const able = members.filter((_, i) => known[i]!.size === asked.size)
  return able.length > 0 ? able : [...members]
}

/** None of a member that tells none, or something else. */
function typesIn(metadata: Buffer): string[] {
  try {
    const types: unknown = JSON.parse(MemberMetadata.decode(metadata)!.userData.toString())
    return Array.isArray(types) ? types.map(String) : []
  } catch {
    return []
  }
}
