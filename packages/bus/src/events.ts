import { BanyanError } from '@banyan/contracts'
import { z } from 'zod'
import { isType, TYPE_RULE } from './check-subscription.ts'

/** JSON Schema (draft 2020-12), as far as it is looked at here. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** Makes the payload of the next version out of one's own. */
export type Upcast = (payload: never) => unknown

/** An event that is to be published. */
export interface NewEvent<D extends EventDefinition = EventDefinition> {
  readonly definition: D
  readonly payload: z.input<D['payload']>
}

export interface EventDefinition<
  Type extends string = string,
  Payload extends z.ZodType = z.ZodType,
> {
  readonly type: Type
  readonly version: number
  readonly payload: Payload
  /** What it looks like on the wire. */
  readonly written: JsonSchema
  /** What is accepted from the wire. */
  readonly read: JsonSchema
  /** Payload of this version out of one that was published as another. @throws BanyanError BAD_EVENT */
  readonly parse: (payload: unknown, version: number) => z.output<Payload>
  /** Versions before this one from which `parse` knows a way. */
  readonly knows: (version: number) => boolean
  /** @throws BanyanError BAD_EVENT when it does not fit; `publish` does. */
  readonly of: (payload: z.input<Payload>) => NewEvent<EventDefinition<Type, Payload>>
}

/**
 * Defines an event: what its payload must look like, both where it is published and where it arrives.
 *
 * @param given.type unique in the whole system, e.g. `order.placed`
 * @param given.version raised (from 1) when the payload changes in a way that `checkCompatible` refuses
 * @param given.upcasts by version, what makes the next version's payload out of it, for events that are
 *   still on their way
 * @throws BanyanError BAD_EVENT_DEFINITION, also for a payload that JSON cannot hold, like a Date
 */
export function defineEvent<const Type extends string, Payload extends z.ZodType>(given: {
  readonly type: Type
  readonly version: number
  readonly payload: Payload
  readonly upcasts?: Readonly<Record<number, Upcast>>
}): EventDefinition<Type, Payload> {
  const { type, version, payload, upcasts = {} } = given
  const wrong = (reason: string, cause?: unknown): never => {
    throw new BanyanError('BAD_EVENT_DEFINITION', { type, reason }, { cause })
  }
  if (!isType(type)) wrong(TYPE_RULE)
  if (!Number.isInteger(version) || version < 1) wrong(`version ${version} is not 1 or more`)
  for (const from of Object.keys(upcasts)) {
    const known = Number(from) >= 1 && Number(from) < version
    if (!known) wrong(`there is an upcast from version ${from}, but this is version ${version}`)
  }
  const schema = (io: 'input' | 'output'): JsonSchema => {
    try {
      return z.toJSONSchema(payload, { io }) as JsonSchema
    } catch (error) {
      return wrong(`JSON cannot hold its payload: ${(error as Error).message}`, error)
    }
  }
  const definition: EventDefinition<Type, Payload> = Object.freeze({
    type,
    version,
    payload,
    written: schema('output'),
    read: schema('input'),
    parse: (value: unknown, from: number) => {
      let upcasted = value
      for (let at = from; at < version && upcasts[at]; at++)
        upcasted = upcasts[at]!(upcasted as never)
      return checked(definition, upcasted)
    },
    knows: (from: number) => {
      let at = from
      while (at < version && upcasts[at]) at++
      return at >= version
    },
    of: (value: z.input<Payload>) => ({ definition, payload: value }),
  })
  return definition
}

/** The payload as its schema makes it. @throws BanyanError BAD_EVENT, naming each path that does not fit. */
export function checked<Payload extends z.ZodType>(
  definition: Pick<EventDefinition<string, Payload>, 'type' | 'payload'>,
  value: unknown,
): z.output<Payload> {
  const result = definition.payload.safeParse(value)
  if (result.success) return result.data
  const said = result.error.issues.slice(0, 5).map(({ path, message }) => {
    return `payload${path.map((step) => `.${String(step)}`).join('')}: ${message}`
  })
  throw new BanyanError('BAD_EVENT', { type: definition.type, reason: said.join('; ') })
}

/** The events that a service publishes. */
export class EventRegistry {
  readonly #byType: ReadonlyMap<string, EventDefinition>

  /** @throws BanyanError BAD_EVENT_DEFINITION for two of one type. */
  constructor(definitions: readonly EventDefinition[]) {
    const byType = new Map<string, EventDefinition>()
    for (const definition of definitions) {
      const { type } = definition
      if (byType.has(type)) {
        throw new BanyanError('BAD_EVENT_DEFINITION', { type, reason: 'it is defined twice' })
      }
      byType.set(type, definition)
    }
    this.#byType = byType
  }

  get types(): string[] {
    return [...this.#byType.keys()]
  }

  get definitions(): EventDefinition[] {
    return [...this.#byType.values()]
  }

  get(type: string): EventDefinition | undefined {
    return this.#byType.get(type)
  }
}
