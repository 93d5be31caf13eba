import { BanyanError } from '@banyan/contracts'
import type { SubscriptionRequest } from './transport.ts'

const GROUP = /^[A-Za-z0-9._-]{1,60}$/
const TYPE = /^[A-Za-z0-9._-]{1,100}$/

/**
 * Every transport asks this first, so that what one allows no other refuses.
 *
 * @throws BanyanError BAD_SUBSCRIPTION
 */
export function checkSubscription({ group, types, concurrency }: SubscriptionRequest): void {
  const refuse = (reason: string) => {
    throw new BanyanError('BAD_SUBSCRIPTION', { group, reason })
  }
  if (!GROUP.test(group)) refuse('a group is 1 to 60 letters, digits, ".", "_" and "-"')
  if (types.length === 0) refuse('no event type is given')
  for (const type of types) if (!isType(type)) refuse(`event type "${type}": ${TYPE_RULE}`)
  if (concurrency !== undefined && (!Number.isInteger(concurrency) || concurrency < 1)) {
    refuse(`concurrency is ${concurrency}; it is a whole number of at least 1`)
  }
}

export const TYPE_RULE = 'a type is 1 to 100 letters, digits, ".", "_" and "-"'

export function isType(type: string): boolean {
  return TYPE.test(type)
}
