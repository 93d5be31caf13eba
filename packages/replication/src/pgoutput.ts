import type { Flow, Row, Value } from './flow.ts'
import { keyText } from './flow.ts'

/** A row change; values as PostgreSQL text, in the order of the flow's columns. */
export interface Change {
  readonly tag: 'change'
  readonly flow: Flow
  readonly kind: 'insert' | 'update' | 'delete'
  /** Of the row as it is now; of the deleted row for a delete. */
  readonly key: string
  /** Of the row as it was, when the update changed it; else null. */
  readonly oldKey: string | null
  /** The old key's values, when `oldKey` is set. */
  readonly old: Row | null
  /** For a delete, only what the old image holds. */
  readonly values: Row
}

export type StreamMessage =
  | { readonly tag: 'begin'; readonly xid: number; readonly final: bigint }
  | { readonly tag: 'commit'; readonly end: bigint }
  | { readonly tag: 'origin'; readonly name: string }
  | Change
  | { readonly tag: 'message'; readonly prefix: string; readonly content: string }
  | { readonly tag: 'truncate'; readonly tables: readonly string[] }
  | { readonly tag: 'relation'; readonly flow: Flow; readonly difference: string }

interface Relation {
  readonly flow: Flow
  /** For each column of the stream: its index in the flow's columns, or -1. */
  readonly index: readonly number[]
}

const INSERT = 0x49
const UPDATE = 0x55
const DELETE = 0x44
const BEGIN = 0x42
const COMMIT = 0x43
const ORIGIN = 0x4f
const RELATION = 0x52
const MESSAGE = 0x4d
const TRUNCATE = 0x54

const NULL = 0x6e
const UNCHANGED = 0x75
const TEXT = 0x74
const NEW_TUPLE = 0x4e

/**
 * Decodes the logical replication protocol, version 1
 * (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html).
 * The buffer handed in is read at once and never kept.
 */
export class PgOutput {
  readonly #flows: ReadonlyMap<string, Flow>
  readonly #relations = new Map<number, Relation>()
  readonly #names = new Map<number, string>()
  #buffer: Buffer = Buffer.alloc(0)
  #at = 0
  #longest = 0

  constructor(flows: readonly Flow[]) {
    this.#flows = new Map(flows.map((flow) => [`${flow.from.schema}\0${flow.from.name}`, flow]))
  }

  /** @returns null for what carries nothing for us: types, unchanged relations. */
  decode(buffer: Buffer, start: number): StreamMessage | null {
    this.#buffer = buffer
    this.#at = start + 1
    switch (buffer[start]) {
      case INSERT:
        return this.#insert()
      case UPDATE:
        return this.#update()
      case DELETE:
        return this.#delete()
      case BEGIN:
        return {
          tag: 'begin',
          xid: buffer.readUInt32BE(start + 17),
          final: buffer.readBigUInt64BE(start + 1),
        }
      case COMMIT:
        return { tag: 'commit', end: buffer.readBigUInt64BE(start + 10) }
      case ORIGIN:
        this.#at = start + 9
        return { tag: 'origin', name: this.#string() }
      case RELATION:
        return this.#relation()
      case MESSAGE:
        return this.#message()
      case TRUNCATE:
        return this.#truncate()
      default:
        return null
    }
  }

  #insert(): StreamMessage | null {
    const relation = this.#relations.get(this.#int32())
    if (!relation) return null
    this.#at++
    const values = this.#tuple(relation)
    return change(relation.flow, 'insert', values, null)
  }

  #update(): StreamMessage | null {
    const relation = this.#relations.get(this.#int32())
    if (!relation) return null
    let old: Row | null = null
    // 'K': the old key; 'O': the whole old row (REPLICA IDENTITY FULL); neither: the key is as it was.
    if (this.#buffer[this.#at] !== NEW_TUPLE) {
      this.#at++
      old = this.#tuple(relation)
    }
    this.#at++
    const values = this.#tuple(relation)
    if (old) {
      for (let i = 0; i < values.length; i++) {
        // Under DEFAULT an 'n' in the old tuple means "not in the key": only keys may be taken from it.
        if (values[i] === undefined && (i < relation.flow.keyWidth || isFull(relation))) {
          values[i] = old[i]
        }
      }
    }
    return change(relation.flow, 'update', values, old)
  }

  #delete(): StreamMessage | null {
    const relation = this.#relations.get(this.#int32())
    if (!relation) return null
    const whole = this.#buffer[this.#at++] === 0x4f
    const values = this.#tuple(relation)
    if (!whole) values.fill(undefined, relation.flow.keyWidth)
    return change(relation.flow, 'delete', values, null)
  }

  #tuple(relation: Relation): Row {
    const buffer = this.#buffer
    const { index, flow } = relation
    const row: Value[] = new Array(flow.columns.length).fill(undefined)
    const count = buffer.readUInt16BE(this.#at)
    const begin = this.#at + 2
    const end = this.#tupleEnd(begin, count, flow)
    // Values cut out of one string cost a third of values decoded each. Characters stand where their
    // bytes do only when there are as many of them: then all are ASCII, and so are the lengths.
    const cut = this.#longest < 128 ? buffer.toString('utf8', begin, end) : ''
    const ascii = cut.length === end - begin
    let at = begin
    for (let i = 0; i < count; i++) {
      const kind = buffer[at++]
      const column = index[i]!
      if (kind === TEXT) {
        const length = buffer.readUInt32BE(at)
        at += 4
        if (column >= 0) {
          row[column] = ascii
            ? cut.slice(at - begin, at - begin + length)
            : buffer.toString('utf8', at, at + length)
        }
        at += length
      } else if (kind === NULL && column >= 0) row[column] = null
    }
    this.#at = end
    return row
  }

  /** Where a tuple ends; sets the length of its longest value. */
  #tupleEnd(begin: number, count: number, flow: Flow): number {
    const buffer = this.#buffer
    let at = begin
    this.#longest = 0
    for (let i = 0; i < count; i++) {
      const kind = buffer[at++]
      if (kind === TEXT) {
        const length = buffer.readUInt32BE(at)
        if (length > this.#longest) this.#longest = length
        at += 4 + length
      } else if (kind !== NULL && kind !== UNCHANGED) {
        throw new Error(`pgoutput: unknown kind of value ${kind} in a row of ${flow.name}`)
      }
    }
    return at
  }

  #relation(): StreamMessage | null {
    const oid = this.#int32()
    const schema = this.#string() || 'pg_catalog'
    const name = this.#string()
    this.#at++
    const count = this.#buffer.readUInt16BE(this.#at)
    this.#at += 2
    const columns: { name: string; type: number; typmod: number }[] = []
    for (let i = 0; i < count; i++) {
      this.#at++
      columns.push({ name: this.#string(), type: this.#int32(), typmod: this.#int32() | 0 })
    }
    this.#names.set(oid, `${schema}.${name}`)
    const flow = this.#flows.get(`${schema}\0${name}`)
    if (!flow) {
      this.#relations.delete(oid)
      return null
    }
    this.#relations.set(oid, {
      flow,
      index: columns.map((column) => flow.columns.indexOf(column.name)),
    })
    const difference = differenceOf(flow, columns)
    return difference === null ? null : { tag: 'relation', flow, difference }
  }

  #message(): StreamMessage {
    this.#at += 9
    const prefix = this.#string()
    const length = this.#int32()
    const content = this.#buffer.toString('utf8', this.#at, this.#at + length)
    return { tag: 'message', prefix, content }
  }

  #truncate(): StreamMessage {
    const count = this.#int32()
    this.#at++
    const tables = Array.from({ length: count }, () => {
      const oid = this.#int32()
      return this.#names.get(oid) ?? `table ${oid}`
    })
    return { tag: 'truncate', tables }
  }

  #int32(): number {
    const value = this.#buffer.readUInt32BE(this.#at)
    this.#at += 4
    return value
  }

  #string(): string {
    const end = this.#buffer.indexOf(0, this.#at)
    const text = this.#buffer.toString('utf8', this.#at, end)
    this.#at = end + 1
    return text
  }
}

function isFull(relation: Relation): boolean {
  return relation.flow.from.replicaIdentity === 'full'
}

function change(flow: Flow, kind: Change['kind'], values: Row, old: Row | null): Change {
  const key = keyText(values, flow.keyWidth)
  const oldKey = old === null ? null : keyText(old, flow.keyWidth)
  const moved = oldKey !== null && oldKey !== key
  return {
    tag: 'change',
    flow,
    kind,
    key,
    values,
    oldKey: moved ? oldKey : null,
    old: moved ? old : null,
  }
}

/** What changed in a table since the plan was resolved, in words; null when nothing did. */
function differenceOf(
  flow: Flow,
  columns: readonly { name: string; type: number; typmod: number }[],
): string | null {
  const expected = flow.from.columns.filter((column) => !column.generated)
  const now = new Map(columns.map((column) => [column.name, column]))
  const parts: string[] = []
  for (const column of expected) {
    const found = now.get(column.name)
    if (!found) parts.push(`column "${column.name}" is gone`)
    else if (found.type !== column.typeOid || found.typmod !== column.typmod) {
      parts.push(`column "${column.name}" is no longer ${column.type}`)
    }
  }
  for (const column of columns) {
    const known = flow.from.columns.some((other) => other.name === column.name)
    if (!known) parts.push(`column "${column.name}" is new`)
  }
  return parts.length > 0 ? parts.join(', ') : null
}
