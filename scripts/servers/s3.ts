import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { goProgram } from './go.ts'
import { answers } from './http.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const PORT = port(9000)
const URL = `http://${HOST}:${PORT}`
const VERSION = 'v1.8.0'
const PROGRAM = folderOf('s3', 'bin', `versitygw-${VERSION}`)

/** The bucket that tests put into; a bucket is a folder here. */
const BUCKET = 'banyan'

/** S3 over a folder (versitygw), which keeps its objects over a restart; moto's forgets. */
export const s3: Server = {
  name: 's3',
  version: VERSION,
  ports: { client: PORT },
  variable: 'BANYAN_S3_URL',
  url: URL,
  roles: ['s3'],

  install: () =>
    goProgram({ source: `github.com/versity/versitygw/cmd/versitygw@${VERSION}`, file: PROGRAM }),

  async prepare() {
    const data = folderOf('s3', 'data')
    const metadata = folderOf('s3', 'metadata')
    await mkdir(join(data, BUCKET), { recursive: true })
    await mkdir(metadata, { recursive: true })
    const listen = ['--port', `${HOST}:${PORT}`, '--health', '/health', '--quiet']
    // Beside the files: not every file system has extended attributes.
    const backend = ['posix', '--sidecar', metadata, data]
    const environment = { ROOT_ACCESS_KEY: 'test', ROOT_SECRET_KEY: 'test-secret' }
    return [{ file: PROGRAM, args: [...listen, ...backend], environment }]
  },

  ready: () => answers(`${URL}/health`, () => true),
}
