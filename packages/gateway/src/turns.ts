import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { SAFE } from './trip.ts'

/** A request of a connection that is not over. */
interface Turn {
  readonly response: ServerResponse
  /** Whether it, or one before it that was not over, changes something. */
  readonly changes: boolean
}

/**
 * Requests that a client sends behind each other, without waiting for answers. They may be carried out side by side only
 * while all of them are safe (RFC 9112, 9.3.2): a read behind a write must see what was written.
 */
export class Turns {
  /** In their order, which is that of their answers. */
  readonly #turns = new WeakMap<Socket, Turn[]>()

  /** Calls `take` at once, or when all before it on its connection were answered. */
  take(request: IncomingMessage, response: ServerResponse, take: () => void): void {
    const { socket } = request
    const turns = this.#turns.get(socket) ?? this.#begin(socket)
    const before = turns.at(-1)
    const isSafe = SAFE.has(request.method!)
    const waits = before !== undefined && (before.changes || !isSafe)
    const turn = { response, changes: !isSafe || before?.changes === true }
    turns.push(turn)
    response.once('close', () => {
      turns.splice(turns.indexOf(turn), 1)
    })
    if (!waits) take()
    else {
      // With this one all before it are over.
      before.response.once('close', () => {
        // Whoever went away is not told, and what was asked for is not done.
        if (!socket.destroyed) take()
      })
    }
  }

  #begin(socket: Socket): Turn[] {
    const turns: Turn[] = []
    this.#turns.set(socket, turns)
    socket.once('close', () => {
      for (const { response } of [...turns]) {
        // Node tells the one whose turn it is, and not those behind it: they would be waited for ever.
        if (response.socket === null) {
          response.destroyed = true
          response.emit('close')
        }
      }
    })
    return turns
  }
}
