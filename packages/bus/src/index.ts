export { checkCompatible, type Incompatibility } from './compatibility.ts'
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
export {
  DEFAULT_CONCURRENCY,
  type Subscription,
  type SubscriptionRequest,
  type Transport,
  type WireMessage,
} from './transport.ts'
