import type pg from 'pg'

const HEADER = 5
const COPY_DATA = 0x64

interface Received {
  listeners(event: 'data'): unknown[]
  removeAllListeners(event: 'data'): void
  removeListener(event: 'data', listener: Listener): void
  on(event: 'data', listener: Listener): void
}
type Listener = (chunk: Buffer) => void

/**
 * Takes CopyData messages out of what a connection receives before pg sees them, which makes several
 * objects of each and joins every two reads of the socket: half the cost of a small row. All other
 * messages go to pg as they are. For an idle connection, whose last message was received whole.
 *
 * @param take is handed the bytes from `start` to `end`, to be read at once: they are used again.
 * @returns gives the connection back to pg.
 */
export function tapCopyData(
  client: pg.ClientBase,
  take: (buffer: Buffer, start: number, end: number) => void,
): () => void {
  const { stream } = (client as unknown as { connection: { stream: Received } }).connection
  const listeners = stream.listeners('data') as Listener[]
  let open = true
  /** A message that came in part: as long as it will be, or its header while that is not known. */
  let partial: Buffer | null = null
  let filled = 0

  function pass(bytes: Buffer): void {
    for (const listener of listeners) listener.call(stream, bytes)
  }

  function message(buffer: Buffer, start: number, end: number): void {
    if (open && buffer[start] === COPY_DATA) take(buffer, start + HEADER, end)
    else pass(buffer.subarray(start, end))
  }

  /** Where in the chunk the next message begins; its length when the chunk did not complete this one. */
  function complete(chunk: Buffer): number {
    let at = 0
    while (partial !== null) {
      const copied = chunk.copy(partial, filled, at)
      filled += copied
      at += copied
      if (filled < partial.length) return chunk.length
      const length = 1 + partial.readUInt32BE(1)
      if (length > partial.length) {
        const whole = Buffer.allocUnsafe(length)
        partial.copy(whole)
        partial = whole
      } else {
        const whole = partial
        partial = null
        message(whole, 0, whole.length)
      }
    }
    return at
  }

  function receive(chunk: Buffer): void {
    let at = complete(chunk)
    while (at + HEADER <= chunk.length) {
      const end = at + 1 + chunk.readUInt32BE(at + 1)
      if (end > chunk.length) break
      message(chunk, at, end)
      at = end
    }
    if (at >= chunk.length) return
    if (!open) {
      pass(chunk.subarray(at))
      return
    }
    const rest = chunk.length - at
    partial = Buffer.allocUnsafe(rest < HEADER ? HEADER : 1 + chunk.readUInt32BE(at + 1))
    filled = chunk.copy(partial, 0, at)
  }

  stream.removeAllListeners('data')
  stream.on('data', receive)
  return () => {
    if (!open) return
    open = false
    stream.removeListener('data', receive)
    for (const listener of listeners) stream.on('data', listener)
    if (partial !== null && filled > 0) pass(partial.subarray(0, filled))
    partial = null
  }
}
