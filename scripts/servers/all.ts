import { clamav } from './clamav.ts'
import { elasticmq } from './elasticmq.ts'
import { kafka } from './kafka.ts'
import { mongodb } from './mongodb.ts'
import { moto } from './moto.ts'
import { opensearch } from './opensearch.ts'
import { prometheus } from './prometheus.ts'
import { rabbitmq } from './rabbitmq.ts'
import { redis } from './redis.ts'
import { s3 } from './s3.ts'
import type { Server } from './server.ts'

export const SERVERS: readonly Server[] = [
  rabbitmq,
  redis,
  kafka,
  moto,
  elasticmq,
  s3,
  clamav,
  opensearch,
  mongodb,
  prometheus,
]

/** The servers of these names, all when there are none. @throws an Error that lists the names there are. */
export function serversNamed(names: readonly string[]): readonly Server[] {
  if (names.length === 0) return SERVERS
  return names.map((name) => {
    const server = SERVERS.find((one) => one.name === name)
    if (server) return server
    const known = SERVERS.map((one) => one.name).join(', ')
    throw new Error(`there is no server "${name}"; there are ${known}`)
  })
}
