import type { Observation, Operation, Write } from './history.ts'

/** A row as it stands at its owner at the end. */
export interface FinalValue {
  readonly user: string
  readonly entity: string
  readonly value: string
}

export interface Verdict {
  /** Writes that were acknowledged. */
  readonly acknowledged: number
  /** Acknowledged and missing at the owner at the end. */
  readonly lost: number
  /** Applied twice, or applied though refused. */
  readonly duplicated: number
  /** Reads by a writer, begun after its own write was acknowledged, that missed it. */
  readonly stale: number
  /** What was found, in words; at most 50. */
  readonly findings: readonly string[]
}

export interface Initial {
  readonly user: string
  readonly entity: string
  readonly value: string
}

const FINDINGS = 50

interface Register {
  /** The last value that is certain. */
  value: string | null
  /** Values it may have instead: writes of unknown outcome, which may come late. */
  readonly maybe: Set<string | null>
  /** Acknowledged, not yet done: the value that must stand at the end. */
  awaited: { value: string | null } | null
  unsure: boolean
  /** For counters: what is certain, and the most it may be. */
  counted: { least: number; most: number } | null
}

/**
 * Holds what clients did and saw against what is there at the end.
 *
 * An operation of unknown outcome is given every benefit of the doubt: its value may be there or
 * not, at once or later. Everything else is exact. Entities that no operation touched and that
 * `initial` does not name are findings when they are there at the end.
 */
export async function checkHistory(input: {
  readonly initial: Iterable<Initial>
  readonly operations: Iterable<Operation> | AsyncIterable<Operation>
  readonly final: Iterable<FinalValue> | AsyncIterable<FinalValue>
}): Promise<Verdict> {
  const checker = new Checker()
  for (const { user, entity, value } of input.initial) checker.begin(user, entity, value)
  for await (const operation of input.operations) checker.operation(operation)
  return await checker.end(input.final)
}

class Checker {
  readonly #users = new Map<string, Map<string, Register>>()
  readonly #findings: string[] = []
  #acknowledged = 0
  #lost = 0
  #duplicated = 0
  #stale = 0

  begin(user: string, entity: string, value: string): void {
    this.#register(user, entity).value = value
  }

  operation(operation: Operation): void {
    const { user, outcome } = operation
    for (const write of operation.writes ?? []) {
      const register = this.#register(user, write.entity)
      if (outcome === 'acknowledged') applied(register, write)
      else if (outcome === 'unknown') perhapsApplied(register, write)
    }
    if (outcome !== 'acknowledged') return
    if (operation.writes?.length) this.#acknowledged++
    for (const read of operation.reads ?? []) if ('settled' in read) this.#settle(user, read.entity)
    // One finding an operation: a list that misses ten rows is one stale read.
    const wrong = (operation.reads ?? []).flatMap((read) => this.#misses(user, read))
    if (wrong.length === 0) return
    this.#stale++
    this.#find(
      'stale',
      user,
      `${operation.op} sent at ${iso(operation.sentAt)}: ${wrong.slice(0, 3).join('; ')}`,
    )
  }

  async end(final: Iterable<FinalValue> | AsyncIterable<FinalValue>): Promise<Verdict> {
    const seen = new Map<string, Set<string>>()
    for await (const row of final) {
      const entities = entry(seen, row.user, () => new Set<string>())
      if (entities.has(row.entity)) {
        this.#duplicated++
        this.#find('duplicated', row.user, `${row.entity} is there more than once`)
        continue
      }
      entities.add(row.entity)
      this.#compare(row)
    }
    for (const [user, registers] of this.#users) {
      for (const [entity, register] of registers) {
        if (seen.get(user)?.has(entity) || register.counted || mayEnd(register, null)) continue
        this.#lost++
        this.#find('lost', user, `${entity} should be ${wanted(register)}, it is missing`)
      }
    }
    return {
      acknowledged: this.#acknowledged,
      lost: this.#lost,
      duplicated: this.#duplicated,
      stale: this.#stale,
      findings: this.#findings,
    }
  }

  #compare(row: FinalValue): void {
    const register = this.#users.get(row.user)?.get(row.entity)
    if (!register) {
      this.#duplicated++
      this.#find(
        'duplicated',
        row.user,
        `${row.entity} is there, and nobody wrote it or its write was refused`,
      )
      return
    }
    if (register.counted) {
      const { least, most } = register.counted
      const value = Number(row.value)
      if (value < least) this.#lost++
      else if (value > most) this.#duplicated++
      else return
      this.#find(
        value < least ? 'lost' : 'duplicated',
        row.user,
        `${row.entity} is ${value}, ${least} to ${most} were counted`,
      )
      return
    }
    if (mayEnd(register, row.value)) return
    this.#lost++
    this.#find('lost', row.user, `${row.entity} should be ${wanted(register)}, it is ${row.value}`)
  }

  #settle(user: string, entity: string): void {
    const register = this.#register(user, entity)
    if (!register.awaited) return
    register.value = register.awaited.value
    register.awaited = null
  }

  #misses(user: string, read: Observation): string[] {
    if ('settled' in read) return []
    if ('entity' in read) {
      const register = this.#users.get(user)?.get(read.entity)
      if (!register || mayRead(register, read.value)) return []
      return [
        `${read.entity} showed ${read.value ?? 'nothing'}, it was ${register.value ?? 'deleted'}`,
      ]
    }
    const wrong: string[] = []
    const shown = new Map<string, string>()
    for (const [entity, value] of read.values) {
      if (shown.has(entity)) wrong.push(`${entity} was listed twice`)
      shown.set(entity, value)
    }
    for (const [entity, register] of this.#users.get(user) ?? []) {
      if (!entity.startsWith(read.within)) continue
      const value = shown.get(entity) ?? null
      if (!mayRead(register, value)) {
        wrong.push(`${entity} showed ${value ?? 'nothing'}, it was ${register.value ?? 'deleted'}`)
      }
    }
    return wrong
  }

  #register(user: string, entity: string): Register {
    const registers = entry(this.#users, user, () => new Map<string, Register>())
    return entry(registers, entity, () => ({
      value: null,
      maybe: new Set<string | null>(),
      awaited: null,
      unsure: false,
      counted: null,
    }))
  }

  #find(kind: string, user: string, what: string): void {
    if (this.#findings.length < FINDINGS) this.#findings.push(`${kind}: ${user}: ${what}`)
  }
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}

function applied(register: Register, write: Write): void {
  if ('unsure' in write) register.unsure = true
  else if ('add' in write) {
    register.counted ??= { least: Number(register.value ?? 0), most: Number(register.value ?? 0) }
    register.counted.least += write.add
    register.counted.most += write.add
  } else if (write.eventually) {
    register.awaited = { value: write.set }
  } else {
    register.value = write.set
    register.awaited = null
  }
}

function perhapsApplied(register: Register, write: Write): void {
  if ('unsure' in write) register.unsure = true
  else if ('add' in write) {
    register.counted ??= { least: Number(register.value ?? 0), most: Number(register.value ?? 0) }
    register.counted.most += write.add
  } else register.maybe.add(write.set)
}

function mayRead(register: Register, value: string | null): boolean {
  if (register.unsure || register.value === value || register.maybe.has(value)) return true
  if (register.awaited?.value === value) return true
  if (!register.counted) return false
  return Number(value) >= register.counted.least && Number(value) <= register.counted.most
}

function mayEnd(register: Register, value: string | null): boolean {
  if (register.unsure || register.maybe.has(value)) return true
  return value === (register.awaited ? register.awaited.value : register.value)
}

function wanted(register: Register): string {
  return (register.awaited ? register.awaited.value : register.value) ?? 'deleted'
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
