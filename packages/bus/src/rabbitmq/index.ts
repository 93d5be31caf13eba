export type { RabbitmqSettings } from './settings.ts'
export { openRabbitmqTransport } from './transport.ts'
