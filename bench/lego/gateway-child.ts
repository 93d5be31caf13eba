import { readFile } from 'node:fs/promises'
import { createGateway, type GatewayOptions } from '@banyan/gateway'

// A gateway of its own process, whose table stands from the beginning: no engine moves anything here.
const options = JSON.parse(await readFile(process.argv[2]!, 'utf8')) as GatewayOptions
const gateway = createGateway(options)
await gateway.listen()
console.log(JSON.stringify({ event: 'listening', port: gateway.publicPort }))
process.once('SIGTERM', () => void gateway.close())
