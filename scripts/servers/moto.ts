import { join } from 'node:path'
import { answers } from './http.ts'
import { installPython } from './python.ts'
import { HOST, port, type Server } from './server.ts'

const PORT = port(5000)
const URL = `http://${HOST}:${PORT}`
const REQUIREMENTS = join(import.meta.dirname, 'moto.requirements.txt')

/** AWS's APIs in memory: EventBridge, SQS, Secrets Manager, CloudWatch, SES. It forgets when it ends. */
export const moto: Server = {
  name: 'moto',
  version: '5.2.5',
  ports: { client: PORT },
  variable: 'BANYAN_AWS_URL',
  url: URL,
  roles: ['moto'],

  async install() {
    await installPython('moto', REQUIREMENTS)
  },

  async prepare() {
    const file = join(await installPython('moto', REQUIREMENTS), 'moto_server')
    return [{ file, args: ['-H', HOST, '-p', String(PORT)] }]
  },

  ready: () => answers(`${URL}/moto-api/data.json`, (text) => text.startsWith('{')),
}
