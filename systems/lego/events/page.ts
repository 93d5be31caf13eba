import type { EventDefinition } from '@banyan/bus'
import type { Hear } from '@banyan/service'
import { inventoryReactions } from '../services/inventory/reactions.ts'
import { reactions } from '../services/moc/reactions.ts'
import { searchReactions } from '../services/search/reactions.ts'
import { NAMES, SAID } from './names.ts'

/** The services that hear events, with what says which. */
export const HEARING = { moc: reactions, inventory: inventoryReactions, search: searchReactions }

/** Where each event's recorded schema stands, from this folder. */
export function schemaFile(service: string, { type, version }: EventDefinition): string {
  return `../services/${service}/events/${type}.v${version}.json`
}

/** The page of all events, as Markdown: what they are called, who says and hears them, and their schemas. */
export function eventsPage(): string {
  const hearers = hearersOf()
  const rows = Object.entries(SAID).flatMap(([service, events]) =>
    events.map((event: EventDefinition) => rowOf(service, event, hearers.get(event.type) ?? [])),
  )
  return `${HEAD}${rows.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}`
}

const HEAD = `# Events

What the services say on the bus, by the name of the product document's domain analysis (in *italics* where the document has
none), the name on the wire, and the schema that is recorded there. Each message has an id, a time, a correlation id, a
source and a key beside its payload; a service's events with one key arrive in their order.

Written by \`node --import tsx systems/lego/events/main.ts\` from the services' own definitions; a test holds the two together.

| domain | wire | version | said by | heard by | payload | |
|---|---|---|---|---|---|---|
`

function rowOf(service: string, event: EventDefinition, hearers: readonly string[]): string[] {
  const { type, version } = event
  const { domain, own, remark } = NAMES[type as keyof typeof NAMES]
  const names = [...domain, ...(own ? [`*${own}*`] : [])]
  const members = Object.keys((event.written.properties ?? {}) as object)
  return [
    names.join(', '),
    `\`${type}\``,
    String(version),
    service,
    hearers.join(', ') || '–',
    `[${members.join(', ')}](${schemaFile(service, event)})`,
    remark ?? '',
  ]
}

/** The services that hear each event, by its type. */
function hearersOf(): ReadonlyMap<string, readonly string[]> {
  const hearers = new Map<string, string[]>()
  for (const [name, reactionsOf] of Object.entries(HEARING)) {
    const hear = ({ events }: { readonly events: readonly EventDefinition[] }) => {
      for (const { type } of events) hearers.set(type, [...(hearers.get(type) ?? []), name])
    }
    // Nothing runs: it only says what it would hear.
    reactionsOf(hear as Hear<never>, { config: {} } as never)
  }
  return hearers
}
