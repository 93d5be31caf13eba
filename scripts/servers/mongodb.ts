import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { goProgram } from './go.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const PORT = port(27_017)
const VERSION = '1.24.0'
const PROGRAM = folderOf('mongodb', 'bin', `ferretdb-${VERSION}`)

/** MongoDB's protocol over SQLite (FerretDB 1): MongoDB itself is in no registry. */
export const mongodb: Server = {
  name: 'mongodb',
  version: VERSION,
  ports: { client: PORT },
  variable: 'BANYAN_MONGODB_URL',
  url: `mongodb://${HOST}:${PORT}`,
  roles: ['mongodb'],

  install: () => {
    const module = join(import.meta.dirname, 'mongodb')
    return goProgram({ source: 'banyan/ferretdb', module, file: PROGRAM })
  },

  async prepare() {
    const data = folderOf('mongodb', 'data')
    await mkdir(data, { recursive: true })
    return [{ file: PROGRAM, args: ['--listen', `${HOST}:${PORT}`, '--data', data] }]
  },

  // It listens once its databases are open.
  ready: () =>
    new Promise((resolve, reject) => {
      const socket = connect(PORT, HOST, () => {
        socket.destroy()
        resolve()
      })
      socket.once('error', reject)
    }),
}
