/** What is used of a JSON Schema as Zod prints it. */
export interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly oneOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly enum?: readonly string[]
}

/** The one of several that has most of these keys, and asks for no others. */
export function optionOf(schema: Schema | undefined, keys: readonly string[]): Schema | undefined {
  if (!schema) return undefined
  const all = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]
  if (all.length === 0) return schema
  const known = ({ properties = {} }: Schema) => keys.filter((key) => key in properties).length
  return all
    .filter(({ required = [] }) => required.every((key) => keys.includes(key)))
    .reduce<Schema | undefined>(
      (best, one) => (best && known(best) >= known(one) ? best : one),
      undefined,
    )
}

/** What holds of a value, in words; empty where anything of its type does. */
export function boundsOf(schema: Schema | undefined): string {
  if (!schema) return ''
  if (schema.anyOf) return schema.anyOf.map(boundsOf).filter(Boolean).join('; or ')
  const { minimum, maximum, exclusiveMinimum, minLength, maxLength, minItems, maxItems } = schema
  const most = Number.MAX_SAFE_INTEGER
  const least = minimum === -most ? undefined : minimum
  const highest = maximum === most ? undefined : maximum
  const parts = [
    schema.type === 'integer' ? 'whole' : '',
    least !== undefined && highest !== undefined
      ? `${number(least)} to ${number(highest)}`
      : least === undefined
        ? highest === undefined || exclusiveMinimum !== undefined
          ? ''
          : `at most ${number(highest)}`
        : `at least ${number(least)}`,
    exclusiveMinimum === undefined
      ? ''
      : `above ${number(exclusiveMinimum)}${highest === undefined ? '' : ` to ${number(highest)}`}`,
    minLength === undefined || minLength === 0
      ? ''
      : minLength === 1
        ? 'not empty'
        : `${number(minLength)} characters or more`,
    maxLength === undefined ? '' : `${number(maxLength)} characters at most`,
    minItems === undefined || minItems === 0 ? '' : `${number(minItems)} or more`,
    maxItems === undefined ? '' : `${number(maxItems)} at most`,
    schema.pattern === undefined ? '' : `\`${schema.pattern.replaceAll('\\/', '/')}\``,
  ]
  return parts.filter(Boolean).join(', ')
}

/** A default as a plan would have it. */
export function defaultOf(schema: Schema | undefined): string {
  if (!schema || !('default' in schema)) return ''
  const { default: value } = schema
  if (value === null || value === Number.POSITIVE_INFINITY) return 'none'
  if (Array.isArray(value) && value.length === 0) return 'none'
  if (typeof value === 'number') return number(value)
  return `\`${typeof value === 'string' ? `'${value}'` : literal(value)}\``
}

function literal(value: unknown): string {
  return JSON.stringify(value)
    .replace(/"(\w+)":/g, '$1: ')
    .replaceAll('"', "'")
    .replaceAll(',', ', ')
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 6 })
}
