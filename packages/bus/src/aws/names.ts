import { createHash } from 'node:crypto'

const SUFFIX = '.fifo'
const MAX_QUEUE = 80
const MAX_GROUP_ID = 128

/** The queue of a group. SQS allows no dot: `.` becomes `_-`, `_` becomes `__`, so no two groups meet. */
export function queueName(prefix: string, group: string): string {
  const name = prefix + group.replaceAll('_', '__').replaceAll('.', '_-')
  const room = MAX_QUEUE - SUFFIX.length
  if (name.length <= room) return name + SUFFIX
  const hash = hashOf(group).slice(0, 16)
  return `${name.slice(0, room - hash.length - 1)}-${hash}${SUFFIX}`
}

/** The message group that keeps a key's order. SQS takes visible ASCII only: other keys are hashed. */
export function messageGroup(key: string): string {
  const isPlain = /^[!-~]+$/.test(key) && key.length <= MAX_GROUP_ID && !key.startsWith(HASHED)
  return isPlain ? key : HASHED + hashOf(key)
}

const HASHED = 'sha256:'

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
