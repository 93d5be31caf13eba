import { encodeRow, parseKey, parseRow } from './copy-text.ts'
import { type Flow, keyText, type Row } from './flow.ts'
import { isWhole, overlay } from './net.ts'
import type { Change } from './pgoutput.ts'
import type { Visibility } from './visibility.ts'

interface Seen {
  readonly xid: number
  readonly change: Change
  readonly tagged: boolean
}

/**
 * A chunk that was read but whose watermark has not come by yet. Every change of its table that is
 * decoded meanwhile and was not visible to its snapshot is folded in, so that what is merged at the
 * watermark is each row as the stream stands there: no deleted row comes back, no newer one is overwritten.
 */
export class PendingChunk {
  readonly flow: Flow
  readonly id: string
  /** Whether its window is still open. */
  open = true
  lastKey: readonly string[] = []
  rowCount = 0
  #data: readonly Buffer[] = []
  #snapshot: Visibility | null = null
  /** Decoded while the snapshot was not known yet. */
  #early: Seen[] = []
  /** Rows by key, once a change has touched the table; null for one that was taken out. */
  #rows: Map<string, Buffer> | null = null

  constructor(flow: Flow, id: string) {
    this.flow = flow
    this.id = id
  }

  /** Whether its rows are no longer all as they were read. */
  get touched(): boolean {
    return this.#rows !== null
  }

  /** The rows have been read. @param data whole lines of COPY's text format. */
  fill(data: readonly Buffer[], rowCount: number, lastKey: readonly string[]): void {
    this.#data = data
    this.rowCount = rowCount
    this.lastKey = lastKey
  }

  /** The snapshot is known: what was decoded before is judged now. */
  judge(snapshot: Visibility): void {
    this.#snapshot = snapshot
    for (const seen of this.#early) this.fold(seen.xid, seen.change, seen.tagged)
    this.#early = []
  }

  fold(xid: number, change: Change, tagged: boolean): void {
    if (this.#snapshot === null) {
      this.#early.push({ xid, change, tagged })
      return
    }
    if (this.#snapshot.sees(xid)) return
    const rows = this.#index()
    const oldKey = change.oldKey ?? change.key
    if (change.kind === 'update' && !tagged && !isWhole(change.values)) {
      // The applier finds no row to keep the absent values from: they are here.
      const line = rows.get(oldKey)
      if (!line) return
      rows.delete(oldKey)
      const row = overlay(parseRow(line), change.values)
      rows.set(keyText(row, this.flow.keyWidth), encodeRow(row))
      return
    }
    // The change itself writes or deletes the whole row over there.
    rows.delete(oldKey)
    rows.delete(change.key)
  }

  /** The rows to merge, as lines of COPY's text format. */
  lines(): readonly Buffer[] {
    return this.#rows ? [...this.#rows.values()] : this.#data
  }

  /** The rows to merge, except those that `keep` refuses. */
  filter(keep: (row: Row) => boolean): { lines: Buffer[]; refused: number } {
    const rows = this.#index()
    const lines = [...rows.values()].filter((line) => keep(parseRow(line)))
    return { lines, refused: rows.size - lines.length }
  }

  #index(): Map<string, Buffer> {
    if (this.#rows) return this.#rows
    const rows = new Map<string, Buffer>()
    for (const block of this.#data) {
      let start = 0
      while (start < block.length) {
        const end = block.indexOf(10, start) + 1
        const line = block.subarray(start, end)
        rows.set(parseKey(line, this.flow.keyWidth), line)
        start = end
      }
    }
    this.#rows = rows
    return rows
  }
}
