import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { exists } from './debian.ts'
import { findJava, installJava, SMALL } from './java.ts'
import { jars } from './maven.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const run = promisify(execFile)

const PORT = port(9092)
const CONTROLLER_PORT = port(9093)
const DATA = folderOf('kafka', 'data')
const CONFIG = folderOf('kafka', 'server.properties')
const LOGGING = folderOf('kafka', 'log4j2.properties')
const JARS = 'kafka.jars.txt'

/** Any will do, as long as it stays: 16 bytes in base64. */
const CLUSTER = 'YmFueWFuLXNlcnZlcnMxMQ'

export const kafka: Server = {
  name: 'kafka',
  version: '4.1.2',
  ports: { client: PORT, controller: CONTROLLER_PORT },
  variable: 'BANYAN_KAFKA_URL',
  url: `kafka://${HOST}:${PORT}`,
  roles: ['kafka'],

  async install() {
    await installJava()
    await jars('kafka', JARS)
  },

  async prepare() {
    const java = (await findJava())!
    const classpath = await jars('kafka', JARS)
    await writeFile(CONFIG, properties(SETTINGS))
    await writeFile(LOGGING, properties(LOGGING_SETTINGS))
    if (!(await exists(`${DATA}/meta.properties`))) {
      const tool = ['-cp', classpath, 'kafka.tools.StorageTool']
      await run(java, [...tool, 'format', '-t', CLUSTER, '-c', CONFIG])
    }
    const options = [...SMALL, `-Dlog4j2.configurationFile=${LOGGING}`]
    const args = [...options, '-cp', classpath, 'kafka.Kafka', CONFIG]
    return [{ file: java, args }]
  },

  /** Asks for the API versions: a broker answers once its log is recovered. */
  ready: () =>
    new Promise((resolve, reject) => {
      const socket = connect(PORT, HOST, () => socket.write(apiVersionsRequest()))
      socket.setTimeout(2_000, () => socket.destroy(new Error('no answer to ApiVersions')))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed the connection')))
      socket.once('data', () => {
        resolve()
        socket.destroy()
      })
    }),
}

/** One broker that is its own controller, as small as it goes. */
const SETTINGS = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.quorum.voters': `1@${HOST}:${CONTROLLER_PORT}`,
  listeners: `PLAINTEXT://${HOST}:${PORT},CONTROLLER://${HOST}:${CONTROLLER_PORT}`,
  'advertised.listeners': `PLAINTEXT://${HOST}:${PORT}`,
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'log.dirs': DATA,
  'num.partitions': '8',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '8',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '8',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  // With one broker there is no replica to have a message: it is durable when it is on the disk.
  'log.flush.interval.messages': '1',
  'auto.create.topics.enable': 'false',
  // Members of a test are there from the start; the usual 3 s are for a fleet that rolls.
  'group.initial.rebalance.delay.ms': '0',
  // A broker that was killed is let in again when its last session is over; the usual is 9 s.
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '500',
}

const LOGGING_SETTINGS = {
  status: 'ERROR',
  'appender.console.type': 'Console',
  'appender.console.name': 'console',
  'appender.console.layout.type': 'PatternLayout',
  'appender.console.layout.pattern': '%d %p %m (%c)%n',
  'rootLogger.level': 'WARN',
  'rootLogger.appenderRef.console.ref': 'console',
}

function properties(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Length, API key 18, version 0, correlation id, client id: https://kafka.apache.org/protocol */
function apiVersionsRequest(): Buffer {
  const client = 'banyan'
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + client.length)
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(18, 4)
  request.writeInt16BE(0, 6)
  request.writeInt32BE(1, 8)
  request.writeInt16BE(client.length, 12)
  request.write(client, 14)
  return request
}
