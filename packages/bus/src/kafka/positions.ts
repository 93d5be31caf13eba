import type { KafkaAdmin } from './admin.ts'
import { fromMetadata, type Position } from './partition-window.ts'

/** What a group has committed on a topic, and where the topic ends, by partition. */
export interface GroupPositions {
  /** A partition on which the group has committed nothing has none. */
  readonly committed: ReadonlyMap<number, Position & { partitions: number }>
  readonly partitions: readonly number[]
}

export async function positionsOf(
  admin: KafkaAdmin,
  topic: string,
  group: string,
): Promise<GroupPositions> {
  const [found] = await admin.ask((one) => one.fetchOffsets({ groupId: group, topics: [topic] }))
  const committed = new Map<number, Position & { partitions: number }>()
  const partitions: number[] = []
  for (const { partition, offset, metadata } of found?.partitions ?? []) {
    partitions.push(partition)
    const at = Number(offset)
    if (at >= 0) committed.set(partition, fromMetadata(at, metadata ?? ''))
  }
  return { committed, partitions }
}

/** The offset that the next record of each partition will have. */
export async function endsOf(admin: KafkaAdmin, topic: string): Promise<Map<number, number>> {
  const offsets = await admin.ask((one) => one.fetchTopicOffsets(topic))
  return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
}
