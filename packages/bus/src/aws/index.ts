export type { AwsSettings } from './settings.ts'
export { openAwsTransport } from './transport.ts'
