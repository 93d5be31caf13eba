import type pg from 'pg'
import { tapCopyData } from './copy-tap.ts'

/** The part of pg's connection that a query object of our own is handed. */
interface Wire {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  sendCopyFail(reason: string): void
  endCopyFrom(): void
  readonly stream: {
    readonly writableNeedDrain: boolean
    once(event: 'drain' | 'close', listener: () => void): void
    removeListener(event: 'drain' | 'close', listener: () => void): void
  }
}

const BLOCK = 256 * 1024

export interface CopiedOut {
  /** Whole lines, many to a block. */
  readonly blocks: readonly Buffer[]
  readonly rows: number
  readonly bytes: number
  /** The last line; empty when there was none. */
  readonly last: Buffer
}

/** Runs `COPY … TO STDOUT` and collects its lines. */
export function copyOut(client: pg.ClientBase, text: string): Promise<CopiedOut> {
  return new Promise((resolve, reject) => {
    const blocks: Buffer[] = []
    let block = Buffer.allocUnsafe(BLOCK)
    let used = 0
    let rows = 0
    let bytes = 0
    let lastLength = 0
    submit(client, {
      text,
      // What is handed in is the socket's buffer, which is used again: copied at once.
      data(buffer, start, end) {
        const length = end - start
        if (used + length > block.length) {
          if (used > 0) blocks.push(block.subarray(0, used))
          block = Buffer.allocUnsafe(Math.max(BLOCK, length))
          used = 0
        }
        buffer.copy(block, used, start, end)
        used += length
        lastLength = length
        bytes += length
        rows++
      },
      done() {
        const tail = block.subarray(0, used)
        if (used > 0) blocks.push(tail)
        resolve({ blocks, rows, bytes, last: tail.subarray(used - lastLength) })
      },
      failed: reject,
    })
  })
}

/** Runs `COPY … FROM STDIN` with these lines. */
export function copyIn(
  client: pg.ClientBase,
  text: string,
  blocks: readonly Buffer[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    submit(client, {
      text,
      async begin(wire) {
        for (const part of gather(blocks)) {
          wire.sendCopyFromChunk(part)
          if (wire.stream.writableNeedDrain) await drained(wire)
        }
        wire.endCopyFrom()
      },
      done: resolve,
      failed: reject,
    })
  })
}

/** Joins small lines: a message each would cost more than the row. */
function* gather(blocks: readonly Buffer[]): Generator<Buffer> {
  let parts: Buffer[] = []
  let size = 0
  for (const block of blocks) {
    parts.push(block)
    size += block.length
    if (size < BLOCK / 2) continue
    yield parts.length === 1 ? block : Buffer.concat(parts)
    parts = []
    size = 0
  }
  if (parts.length > 0) yield Buffer.concat(parts)
}

function drained(wire: Wire): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      wire.stream.removeListener('drain', done)
      wire.stream.removeListener('close', done)
      resolve()
    }
    wire.stream.once('drain', done)
    wire.stream.once('close', done)
  })
}

interface CopyHandlers {
  readonly text: string
  data?(buffer: Buffer, start: number, end: number): void
  begin?(wire: Wire): Promise<void>
  done(): void
  failed(error: Error): void
}

/** pg knows queries by these methods; its own does not speak COPY. */
function submit(client: pg.ClientBase, handlers: CopyHandlers): void {
  const { data } = handlers
  let failure: Error | null = null
  let untap = () => {}
  const query = {
    submit(wire: Wire) {
      if (data) untap = tapCopyData(client, data)
      wire.query(handlers.text)
    },
    handleCopyInResponse(wire: Wire) {
      handlers.begin?.(wire).catch((error: Error) => wire.sendCopyFail(error.message))
    },
    handleError(error: Error) {
      failure = error
      untap()
      handlers.failed(error)
    },
    handleReadyForQuery() {
      untap()
      if (!failure) handlers.done()
    },
    handleCommandComplete() {},
    handleRowDescription() {},
    handleDataRow() {},
    handlePortalSuspended() {},
    handleEmptyQuery() {},
  }
  client.query(query as unknown as pg.Submittable)
}
