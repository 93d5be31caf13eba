import type { Flow, Row } from './flow.ts'
import type { Change } from './pgoutput.ts'

/** What a row becomes through a batch. */
export interface NetRow {
  /** Key under which the row stands before the batch; null: the batch makes it. */
  base: string | null
  /** The base key's values, for a row that moves. */
  baseKey: Row | null
  /** Undefined: keeps what it has. */
  values: Row
  /** The youngest transaction that touched it. */
  xid: number
  /** The batch inserts it, so that nothing should stand under its key. */
  fresh: boolean
}

/**
 * The net effect of a batch on one table: many changes of a row become one. Rows are known by the
 * key they end with; `gone` holds the rows the batch takes away.
 */
export class NetTable {
  readonly flow: Flow
  readonly rows = new Map<string, NetRow>()
  readonly gone = new Map<string, Row>()
  /** Bases that now stand under another key. */
  readonly #moved = new Set<string>()

  constructor(flow: Flow) {
    this.flow = flow
  }

  add(change: Change, xid: number): void {
    if (change.kind === 'insert') this.#insert(change, xid)
    else if (change.kind === 'delete') this.#delete(change)
    else if (change.oldKey !== null) this.#move(change, change.oldKey, xid)
    else this.#update(change, xid)
  }

  /** A row the stream does not insert may stand here all the same (a copy was ahead): it is overwritten. */
  #insert(change: Change, xid: number): void {
    const base = this.#moved.has(change.key) ? null : change.key
    this.rows.set(change.key, { base, baseKey: null, values: change.values, xid, fresh: true })
  }

  #update(change: Change, xid: number): void {
    const row = this.rows.get(change.key)
    if (row) {
      row.values = overlay(row.values, change.values)
      row.xid = xid
    } else {
      this.rows.set(change.key, {
        base: change.key,
        baseKey: null,
        values: change.values,
        xid,
        fresh: false,
      })
    }
  }

  #move(change: Change, oldKey: string, xid: number): void {
    const row = this.rows.get(oldKey)
    this.rows.delete(oldKey)
    const base = row ? row.base : oldKey
    if (base !== null) this.#moved.add(base)
    this.rows.set(change.key, {
      base,
      baseKey: row?.baseKey ?? (base === null ? null : change.old!.slice(0, this.flow.keyWidth)),
      values: row ? overlay(row.values, change.values) : change.values,
      xid,
      fresh: false,
    })
  }

  #delete(change: Change): void {
    const row = this.rows.get(change.key)
    this.rows.delete(change.key)
    if (!row) this.gone.set(change.key, change.values.slice(0, this.flow.keyWidth))
    else if (row.base !== null) {
      const key = row.baseKey ?? row.values.slice(0, this.flow.keyWidth)
      this.gone.set(row.base, key)
    }
  }
}

export function overlay(below: Row, above: Row): Row {
  return below.map((value, i) => (above[i] === undefined ? value : above[i]))
}

export function isWhole(row: Row): boolean {
  return !row.includes(undefined)
}

/** The rows grouped by which columns they leave alone, so that a group is one statement. */
export function groupByShape(rows: Iterable<NetRow>): NetRow[][] {
  const groups = new Map<string, NetRow[]>()
  for (const row of rows) {
    let shape = ''
    for (let i = 0; i < row.values.length; i++) if (row.values[i] === undefined) shape += `${i},`
    const group = groups.get(shape)
    if (group) group.push(row)
    else groups.set(shape, [row])
  }
  return [...groups.values()]
}
