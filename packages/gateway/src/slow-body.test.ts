import type { IncomingMessage } from 'node:http'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { watchBody } from './slow-body.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A request whose body comes as the test says, watched in windows of 10 s: 5,000 bytes each. */
function watched() {
  const request = { complete: false, destroyed: false, readableLength: 0, socket: { bytesRead: 0 } }
  const state = { request, excused: false, slow: 0, end: () => {} }
  state.end = watchBody(
    request as IncomingMessage,
    10_000,
    () => state.excused,
    () => state.slow++,
  )
  const window = (bytes: number) => {
    request.socket.bytesRead += bytes
    vi.advanceTimersByTime(10_000)
    return state.slow
  }
  return { ...state, state, window }
}

it('lets a body come as long as it moves, and says once when it does not', () => {
  const { window } = watched()
  for (let i = 0; i < 100; i++) expect(window(5_000)).toBe(0)
  expect(window(4_999)).toBe(1)
  expect(window(0)).toBe(1)
})

it('does not blame the client for what waits here, nor while it need not send', () => {
  const { window, request, state } = watched()
  request.readableLength = 1
  expect(window(0)).toBe(0)
  request.readableLength = 0
  state.excused = true
  expect(window(0)).toBe(0)
  state.excused = false
  expect(window(0)).toBe(1)
})

it('ends with the body, with the connection, and when it is told to', () => {
  for (const how of ['complete', 'destroyed'] as const) {
    const { window, request } = watched()
    request[how] = true
    expect(window(0)).toBe(0)
    request[how] = false
    expect(window(0)).toBe(0)
  }
  const { window, end } = watched()
  end()
  expect(window(0)).toBe(0)
})
