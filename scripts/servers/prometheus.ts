import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { aptInstall, findProgram } from './debian.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const PORT = port(9090)

/**
 * Scrapes itself, and what JSON files in its folder `targets` name (`[{"targets": ["127.0.0.1:9400"]}]`), taken
 * up as they are written; each second, so that nobody waits long for a sample.
 */
const CONFIGURATION = {
  global: { scrape_interval: '1s', evaluation_interval: '1s' },
  scrape_configs: [
    { job_name: 'prometheus', static_configs: [{ targets: [`${HOST}:${PORT}`] }] },
    { job_name: 'targets', file_sd_configs: [{ files: [join('targets', '*.json')] }] },
  ],
}

export const prometheus: Server = {
  name: 'prometheus',
  version: 'v2.42.0',
  ports: { client: PORT },
  variable: 'BANYAN_PROMETHEUS_URL',
  url: `http://${HOST}:${PORT}`,
  roles: ['prometheus'],

  async install() {
    if (!(await findProgram('prometheus'))) await aptInstall(['prometheus'])
  },

  async prepare() {
    await mkdir(folderOf('prometheus', 'targets'), { recursive: true })
    const configuration = folderOf('prometheus', 'prometheus.yml')
    // JSON is YAML.
    await writeFile(configuration, JSON.stringify(CONFIGURATION))
    const options = {
      'config.file': configuration,
      'storage.tsdb.path': folderOf('prometheus', 'data'),
      // Of tests, nobody looks at yesterday's.
      'storage.tsdb.retention.time': '1d',
      'web.listen-address': `${HOST}:${PORT}`,
    }
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    return [{ file: (await findProgram('prometheus'))!, args }]
  },

  async ready() {
    const answer = await fetch(`${this.url}/-/ready`, { signal: AbortSignal.timeout(2_000) })
    if (!answer.ok) throw new Error(await answer.text())
  },
}
