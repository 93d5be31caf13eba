import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { aptInstall, findProgram } from './debian.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const PORT = port(5672)
/** Erlang's name service: its own too, so that no other RabbitMQ of the machine meets ours. */
const EPMD_PORT = port(4369)
const DISTRIBUTION_PORT = port(25_672)
const DATA = folderOf('rabbitmq', 'data')
const CONFIG = folderOf('rabbitmq', 'rabbitmq.conf')
/** Sourced by its start script. */
const ENVIRONMENT = folderOf('rabbitmq', 'environment.sh')

/** Debian's program in the PATH changes to a user of its own; behind it is the one that does not. */
const PLACES = ['/usr/lib/rabbitmq/bin/rabbitmq-server']

export const rabbitmq: Server = {
  name: 'rabbitmq',
  version: '3.10',
  ports: { client: PORT, epmd: EPMD_PORT, distribution: DISTRIBUTION_PORT },
  variable: 'BANYAN_RABBITMQ_URL',
  url: `amqp://guest:guest@${HOST}:${PORT}`,
  roles: ['epmd', 'rabbitmq'],

  async install() {
    if (!(await findProgram('rabbitmq-server', PLACES))) await aptInstall(['rabbitmq-server'])
  },

  async prepare() {
    const home = folderOf('rabbitmq', 'home')
    await mkdir(home, { recursive: true })
    await writeFile(
      CONFIG,
      [
        `listeners.tcp.local = ${HOST}:${PORT}`,
        // A laptop with little room left is no reason to stop taking messages of tests.
        'disk_free_limit.absolute = 64MB',
        'log.console = true',
        'log.console.level = warning',
        'log.file = false',
        '',
      ].join('\n'),
    )
    // Each quorum queue holds about three files open: a test run's 300 queues come near the usual 1,024.
    await writeFile(ENVIRONMENT, 'ulimit -n "$(ulimit -Hn)"\n')
    return [
      {
        file: (await findProgram('epmd'))!,
        args: ['-port', String(EPMD_PORT), '-address', HOST],
      },
      {
        file: (await findProgram('rabbitmq-server', PLACES))!,
        args: [],
        environment: {
          // The cookie of Erlang is written there.
          HOME: home,
          ERL_EPMD_PORT: String(EPMD_PORT),
          ERL_EPMD_ADDRESS: HOST,
          RABBITMQ_NODENAME: 'banyan@localhost',
          RABBITMQ_DIST_PORT: String(DISTRIBUTION_PORT),
          RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
          // Its shell script becomes the server, instead of waiting beside it with a pid of its own.
          RUNNING_UNDER_SYSTEMD: 'true',
          RABBITMQ_CONFIG_FILE: CONFIG,
          RABBITMQ_CONF_ENV_FILE: ENVIRONMENT,
          RABBITMQ_ENABLED_PLUGINS_FILE: folderOf('rabbitmq', 'plugins'),
          RABBITMQ_MNESIA_BASE: DATA,
          RABBITMQ_MNESIA_DIR: `${DATA}/node`,
          RABBITMQ_LOG_BASE: folderOf('rabbitmq', 'log'),
          RABBITMQ_PID_FILE: folderOf('rabbitmq', 'node.pid'),
        },
      },
    ]
  },

  /** The listener opens when the queues have been recovered; it answers the protocol's header. */
  ready: () =>
    new Promise((resolve, reject) => {
      const socket = connect(PORT, HOST, () =>
        socket.write(Buffer.from('AMQP\0\0\x09\x01', 'latin1')),
      )
      socket.setTimeout(2_000, () => socket.destroy(new Error('no answer to the AMQP header')))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed the connection')))
      socket.once('data', () => {
        resolve()
        socket.destroy()
      })
    }),
}
