import { BucketSet } from '@banyan/contracts'

/** What a barrier says: which attempt closed which buckets, under which epoch. */
export interface Barrier {
  readonly attempt: string
  readonly epoch: number
  readonly buckets: BucketSet
}

/** The identity under which a barrier is emitted, applied and waited for. */
export function formatBarrier({ attempt, epoch, buckets }: Barrier): string {
  return `${attempt}/${epoch}/${buckets}`
}

/** @throws Error when the text is no barrier's identity. */
export function parseBarrier(text: string): Barrier {
  const [attempt, epoch, buckets] = text.split('/')
  if (!attempt || !Number.isSafeInteger(Number(epoch)) || !buckets) {
    throw new Error(`"${text}" is no barrier`)
  }
  return { attempt, epoch: Number(epoch), buckets: BucketSet.parse(buckets) }
}
