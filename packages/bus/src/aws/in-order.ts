/** SQS and EventBridge take ten at once. */
const BATCH = 10

export interface Sendable {
  readonly key: string
  readonly bytes: number
}

/**
 * Sends items in batches, several batches at once, so that no item of a key is on its way before the one
 * ahead of it has arrived: a batch may arrive in part, and then what stands behind a gap must not be there.
 *
 * @throws the first error of `send`, when nothing is on its way any more; the rest is not sent.
 */
export async function sendInOrder<T extends Sendable>(
  items: readonly T[],
  limits: { readonly bytes: number; readonly parallel: number },
  send: (batch: readonly T[]) => Promise<void>,
): Promise<void> {
  const queues = new Map<string, T[]>()
  for (const item of items) {
    const queue = queues.get(item.key)
    if (queue) queue.push(item)
    else queues.set(item.key, [item])
  }
  for (const queue of queues.values()) queue.reverse()
  const failures: unknown[] = []
  const worker = async () => {
    while (failures.length === 0) {
      const batch = take(queues, limits.bytes)
      if (batch.length === 0) return
      try {
        await send(batch.map(({ item }) => item))
      } catch (error) {
        failures.push(error)
      }
      for (const { queue, item } of batch) if (queue.length > 0) queues.set(item.key, queue)
    }
  }
  // One that finds nothing to take ends; whoever has the keys goes on with them.
  await Promise.all(Array.from({ length: limits.parallel }, worker))
  if (failures.length > 0) throw failures[0]
}

/** Takes the next item of up to ten keys; a key is out of the map while its item is on its way. */
function take<T extends Sendable>(queues: Map<string, T[]>, limit: number) {
  const batch: { item: T; queue: T[] }[] = []
  let bytes = 0
  for (const [key, queue] of queues) {
    const item = queue.at(-1)!
    if (batch.length === BATCH || (batch.length > 0 && bytes + item.bytes > limit)) break
    queue.pop()
    queues.delete(key)
    batch.push({ item, queue })
    bytes += item.bytes
  }
  return batch
}
