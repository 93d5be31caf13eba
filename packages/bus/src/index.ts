export { openPostgresTransport, type PostgresTransportOptions } from './postgres/transport.ts'
export {
  DEFAULT_CONCURRENCY,
  type Subscription,
  type SubscriptionRequest,
  type Transport,
  type WireMessage,
} from './transport.ts'
