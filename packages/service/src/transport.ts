import { openPostgresTransport, type Transport } from '@banyan/bus'
import { BanyanError } from '@banyan/contracts'
import { rootCause } from './failures.ts'
import { LateTransport } from './late-transport.ts'
import type { Log } from './log.ts'

/** By the scheme of BUS_URL. A broker's client is loaded where it is used, and nowhere else. */
const TRANSPORTS: Readonly<Record<string, (url: string) => Promise<Transport>>> = {
  postgres: (url) => openPostgresTransport({ url }),
  postgresql: (url) => openPostgresTransport({ url }),
  /** `kafka://host:9092/topic`: one broker, through which the others are found. */
  async kafka(url) {
    const { openKafkaTransport } = await import('@banyan/bus/kafka')
    const { host, pathname } = new URL(url)
    const topic = pathname.slice(1)
    return openKafkaTransport({ brokers: [host], ...(topic ? { topic } : {}) })
  },
  amqp: openRabbitmq,
  amqps: openRabbitmq,
  /** `aws:eu-central-1`; credentials as the AWS SDK finds them. */
  async aws(url) {
    const { openAwsTransport } = await import('@banyan/bus/aws')
    return openAwsTransport({ region: new URL(url).pathname })
  },
}

async function openRabbitmq(url: string): Promise<Transport> {
  const { openRabbitmqTransport } = await import('@banyan/bus/rabbitmq')
  return openRabbitmqTransport({ url })
}

export const BUS_SCHEMES = Object.keys(TRANSPORTS)

/**
 * Opens the bus; one that is away is opened later, when it is there: a service does without it.
 *
 * @throws BanyanError BAD_BUS_SETTING
 */
export async function openTransport(url: string, log: Log): Promise<Transport> {
  const scheme = url.split(':', 1)[0]!
  const open = () => TRANSPORTS[scheme]!(url)
  try {
    return await open()
  } catch (error) {
    if (error instanceof BanyanError) throw error
    log.warn({ reason: rootCause(error).message }, 'the bus is away; it is opened when it is there')
    return new LateTransport(scheme, open)
  }
}
