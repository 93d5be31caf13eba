import { expect, it } from 'vitest'
import { endsSession, sqlState } from './failures.ts'

const withCode = (code: string, more = {}) => Object.assign(new Error('x'), { code, ...more })

it('reads the SQLSTATE of an error, also beneath what was wrapped around it', () => {
  expect(sqlState(withCode('23505'))).toBe('23505')
  expect(sqlState(new Error('query failed', { cause: withCode('BN001') }))).toBe('BN001')
})

it('takes no other code for one', () => {
  for (const other of [withCode('ECONNRESET'), withCode('EPIPE', { errno: -32 }), new Error(), 7])
    expect(sqlState(other)).toBeUndefined()
})

it('tells a session that ended from an answer to the statement', () => {
  for (const state of ['08006', '57P01', '57P03', '57P05', '25P03', '25P04'])
    expect(endsSession(state), state).toBe(true)
  for (const state of ['25P02', '57014', '25006', '40001', 'BN001'])
    expect(endsSession(state), state).toBe(false)
})
