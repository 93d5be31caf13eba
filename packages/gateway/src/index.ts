export { createGateway, type Gateway } from './gateway.ts'
export type { GatewayOptions, ShadowLimits, Timeouts } from './options.ts'
