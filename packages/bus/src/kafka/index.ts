export type { KafkaSettings } from './settings.ts'
export { openKafkaTransport } from './transport.ts'
