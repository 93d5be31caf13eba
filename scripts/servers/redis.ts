import { connect } from 'node:net'
import { aptInstall, findProgram } from './debian.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const PORT = port(6379)

export const redis: Server = {
  name: 'redis',
  version: '7.0',
  ports: { client: PORT },
  variable: 'BANYAN_REDIS_URL',
  url: `redis://${HOST}:${PORT}`,
  roles: ['redis'],

  async install() {
    if (!(await findProgram('redis-server'))) await aptInstall(['redis-server'])
  },

  async prepare() {
    const settings = {
      bind: HOST,
      port: String(PORT),
      dir: folderOf('redis', 'data'),
      appendonly: 'yes',
      save: '',
      // A new title would be written over the environment, by which a pid is known to be ours.
      'set-proc-title': 'no',
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    const file = (await findProgram('redis-server'))!
    return [{ file, args }]
  },

  ready: () =>
    new Promise((resolve, reject) => {
      const socket = connect(PORT, HOST, () => socket.write('PING\r\n'))
      socket.setTimeout(2_000, () => socket.destroy(new Error('no answer to PING')))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed the connection')))
      socket.once('data', (answer) => {
        const text = answer.toString().trim()
        // While it reads its file it answers -LOADING.
        if (text === '+PONG') resolve()
        else reject(new Error(text))
        socket.end()
      })
    }),
}
