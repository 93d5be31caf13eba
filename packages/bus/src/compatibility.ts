import type { EventDefinition, JsonSchema } from './events.ts'

/** What changed in a way that breaks someone, e.g. `payload.total: is gone`. */
export type Incompatibility = string

/**
 * Compares an event's payload with what it was: whoever still has the old schema must be able to read
 * what is published now, and the new one must read what is still on its way. So a field may be added
 * when it is optional or has a default; whatever else changes needs a new version and an upcast.
 *
 * @param old the JSON Schema of the payload as it was written (`EventDefinition.written`)
 * @returns what does not fit, with its path; empty when the two are compatible
 */
export function checkCompatible(old: JsonSchema, now: EventDefinition): Incompatibility[] {
  const problems: Incompatibility[] = []
  const wrong = (path: string, reason: string) => problems.push(`${path}: ${reason}`)
  compare(old, now.written, 'payload', wrong)
  compareRequired(old, now.read, 'payload', wrong)
  return problems
}

type Wrong = (path: string, reason: string) => void

/** Keywords that name or explain, and those that are looked at one level below. */
const NOT_COMPARED = new Set([
  ...['$schema', '$id', 'title', 'description', 'default', 'examples', 'deprecated'],
  ...['properties', 'required', 'items', 'prefixItems', 'additionalProperties', 'propertyNames'],
  ...['anyOf', 'oneOf', 'allOf', '$defs'],
])

/** What is written now, against what was written and is still expected by others. */
function compare(old: JsonSchema, now: JsonSchema, path: string, wrong: Wrong): void {
  for (const keyword of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (NOT_COMPARED.has(keyword)) continue
    const [was, is] = [sorted(old[keyword]), sorted(now[keyword])]
    if (was !== is) wrong(path, `${keyword} was ${was} and is ${is}`)
  }
  const [before, after] = [children(old), children(now)]
  for (const [step, schema] of before) {
    const next = after.get(step)
    if (next) compare(schema, next, path + step, wrong)
    else wrong(path + step, 'is gone')
  }
  for (const step of after.keys()) {
    // Only a property may come in addition: whoever does not know it passes over it.
    if (!before.has(step) && !step.startsWith('.')) wrong(path + step, 'was not there before')
  }
  for (const name of strings(old.required)) {
    const there = before.has(`.${name}`) && after.has(`.${name}`)
    if (there && !strings(now.required).includes(name)) {
      wrong(`${path}.${name}`, 'may be left out now; those who have the old schema need it')
    }
  }
}

/** What is accepted now, against what may still arrive. */
function compareRequired(old: JsonSchema, now: JsonSchema, path: string, wrong: Wrong): void {
  for (const name of strings(now.required)) {
    if (!strings(old.required).includes(name)) {
      wrong(`${path}.${name}`, 'is required now; events without it are still on their way')
    }
  }
  if (now.properties && now.additionalProperties === false) {
    wrong(path, 'is strict: a field that is added later would be refused')
  }
  const after = children(now)
  for (const [step, schema] of children(old)) {
    const next = after.get(step)
    if (next) compareRequired(schema, next, path + step, wrong)
  }
}

/** The schemas one level below, by the step that leads there. */
function children(schema: JsonSchema): Map<string, JsonSchema> {
  const found = new Map<string, JsonSchema>()
  const put = (step: string, value: unknown) => {
    if (isSchema(value)) found.set(step, value)
  }
  for (const [name, value] of Object.entries(schema.properties ?? {})) put(`.${name}`, value)
  for (const [name, value] of Object.entries(schema.$defs ?? {})) put(`<${name}>`, value)
  put('[*]', schema.items)
  put('{*}', schema.additionalProperties)
  put('{key}', schema.propertyNames)
  for (const keyword of ['prefixItems', 'anyOf', 'oneOf', 'allOf']) {
    const list = schema[keyword]
    if (!Array.isArray(list)) continue
    list.forEach((value, i) => {
      put(keyword === 'prefixItems' ? `[${i}]` : `<${keyword} ${i + 1}>`, value)
    })
  }
  return found
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? (value as string[]) : []
}

/** As text, lists (of an enum, of types) without regard to their order. */
function sorted(value: unknown): string {
  if (value === undefined) return 'not set'
  return JSON.stringify(Array.isArray(value) ? [...value].sort() : value)
}
