export { Bus, type BusOptions, type KeyedEvent, type PublishOptions } from './bus.ts'
export { checkCompatible, type Incompatibility } from './compatibility.ts'
export type {
  AnyOf,
  Around,
  ConsumerDefinition,
  HandlerContext,
  ReceivedEvent,
} from './consumer.ts'
export {
  defineEvent,
  type EventDefinition,
  EventRegistry,
  type JsonSchema,
  type NewEvent,
  type Upcast,
} from './events.ts'
export { openPostgresTransport, type PostgresTransportOptions } from './postgres/transport.ts'
export { checkRecorded } from './recorded-schemas.ts'
export type { BusStatus, ConsumerStatus } from './status.ts'
export {
  DEFAULT_CONCURRENCY,
  type Subscription,
  type SubscriptionRequest,
  type Transport,
  type WireMessage,
} from './transport.ts'
