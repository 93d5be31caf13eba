import { randomFillSync } from 'node:crypto'

/** 4,096 random bytes at a time: a call of the generator per request costs more than the request's routing. */
const pool = Buffer.alloc(4096)
let hex = ''
let next = 0

/** Random hexadecimal digits (at most 64). */
export function randomHex(digits: number): string {
  if (next + digits > hex.length) {
    hex = randomFillSync(pool).toString('hex')
    next = 0
  }
  next += digits
  return hex.slice(next - digits, next)
}

/** A W3C traceparent for a request that came without one. */
export function newTraceparent(): string {
  return `00-${randomHex(32)}-${randomHex(16)}-01`
}
