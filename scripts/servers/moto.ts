import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { aptInstall, findProgram } from './debian.ts'
import { answers } from './http.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const run = promisify(execFile)

const PORT = port(5000)
const URL = `http://${HOST}:${PORT}`
const ENVIRONMENT = folderOf('moto', 'venv')
const INSTALLED = join(ENVIRONMENT, 'requirements.txt')
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
    const wanted = await readFile(REQUIREMENTS, 'utf8')
    if ((await readFile(INSTALLED, 'utf8').catch(() => '')) === wanted) return
    console.log('moto: pip install into a virtual environment')
    await rm(ENVIRONMENT, { recursive: true, force: true })
    await makeEnvironment()
    await run(join(ENVIRONMENT, 'bin', 'pip'), ['install', '--quiet', '-r', REQUIREMENTS])
    // Last, so that an install that was cut off is done again.
    await writeFile(INSTALLED, wanted)
  },

  async prepare() {
    const file = join(ENVIRONMENT, 'bin', 'moto_server')
    return [{ file, args: ['-H', HOST, '-p', String(PORT)] }]
  },

  ready: () => answers(`${URL}/moto-api/data.json`, (text) => text.startsWith('{')),
}

async function makeEnvironment(): Promise<void> {
  const make = async () => run((await findProgram('python3'))!, ['-m', 'venv', ENVIRONMENT])
  // Debian's python3 comes without venv.
  await make().catch(async () => {
    await aptInstall(['python3-venv'])
    await rm(ENVIRONMENT, { recursive: true, force: true })
    await make()
  })
}
