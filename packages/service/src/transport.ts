import { openPostgresTransport, type Transport } from '@banyan/bus'

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

/** @throws BanyanError BAD_BUS_SETTING, or what the broker says */
export function openTransport(url: string): Promise<Transport> {
  return TRANSPORTS[url.split(':', 1)[0]!]!(url)
}
