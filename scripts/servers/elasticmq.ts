import { writeFile } from 'node:fs/promises'
import { answers } from './http.ts'
import { findJava, installJava, SMALL } from './java.ts'
import { jars } from './maven.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const PORT = port(9324)
const URL = `http://${HOST}:${PORT}`
const CONFIG = folderOf('elasticmq', 'elasticmq.conf')
const JARS = 'elasticmq.jars.txt'

/** SQS that keeps its queues and messages over a restart, which moto's does not. */
export const elasticmq: Server = {
  name: 'elasticmq',
  version: '1.7.1',
  ports: { client: PORT },
  variable: 'BANYAN_SQS_URL',
  url: URL,
  roles: ['elasticmq'],

  async install() {
    await installJava()
    await jars('elasticmq', JARS)
  },

  async prepare() {
    await writeFile(CONFIG, configuration())
    const classpath = await jars('elasticmq', JARS)
    const args = [...SMALL, `-Dconfig.file=${CONFIG}`, '-cp', classpath]
    return [{ file: (await findJava())!, args: [...args, 'org.elasticmq.server.Main'] }]
  },

  ready: () => answers(`${URL}/?Action=ListQueues`, (text) => text.includes('ListQueuesResult')),
}

/** H2 commits to its file every 500 ms when it is not told WRITE_DELAY: a kill would lose the last half second. */
function configuration(): string {
  const file = folderOf('elasticmq', 'data', 'messages')
  return `include classpath("application.conf")
node-address { protocol = http, host = "${HOST}", port = ${PORT}, context-path = "" }
rest-sqs { enabled = true, bind-port = ${PORT}, bind-hostname = "${HOST}", sqs-limits = strict }
rest-stats { enabled = false }
aws { region = "us-east-1", accountId = "000000000000" }
messages-storage {
  enabled = true
  driver-class = "org.h2.Driver"
  uri = "jdbc:h2:${file};WRITE_DELAY=0"
  username = ""
  password = ""
  prune-data-on-init = false
}
`
}
