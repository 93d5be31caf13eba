import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { aptInstall, findProgram } from './debian.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const PORT = port(3310)

/** EICAR's test file, in hex and in two halves: the file itself would have scanners stop at this one. */
const EICAR = [
  '58354f2150254041505b345c505a58353428505e2937434329377d24',
  '45494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a',
].join('')

/** ClamAV's daemon, with one signature: real ones are 300 MB from ClamAV's own mirror, which freshclam fetches. */
export const clamav: Server = {
  name: 'clamav',
  version: '1.4',
  ports: { client: PORT },
  variable: 'BANYAN_CLAMD_URL',
  url: `clamd://${HOST}:${PORT}`,
  roles: ['clamav'],

  async install() {
    if (!(await findProgram('clamd'))) await aptInstall(['clamav-daemon'])
  },

  async prepare() {
    const database = folderOf('clamav', 'database')
    await mkdir(database, { recursive: true })
    // Name, any kind of file, at its beginning.
    await writeFile(join(database, 'test.ndb'), `Eicar-Test-Signature:0:0:${EICAR}\n`)
    const configuration = folderOf('clamav', 'clamd.conf')
    const settings = [
      ...[`TCPSocket ${PORT}`, `TCPAddr ${HOST}`, 'Foreground yes'],
      ...[`DatabaseDirectory ${database}`, `TemporaryDirectory ${folderOf('clamav')}`],
      ...['StreamMaxLength 100M', 'MaxFileSize 100M', 'MaxScanSize 400M', 'AlertExceedsMax yes'],
    ]
    await writeFile(configuration, `${settings.join('\n')}\n`)
    const file = (await findProgram('clamd'))!
    return [{ file, args: ['--config-file', configuration] }]
  },

  ready: () =>
    new Promise((resolve, reject) => {
      const socket = connect(PORT, HOST, () => socket.write('zPING\0'))
      socket.setTimeout(2_000, () => socket.destroy(new Error('no answer to PING')))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed the connection')))
      socket.once('data', (answer) => {
        if (answer.toString() === 'PONG\0') resolve()
        else reject(new Error(answer.toString()))
        socket.end()
      })
    }),
}
