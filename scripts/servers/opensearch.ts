import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { answers } from './http.ts'
import { findJava, installJava, SMALL } from './java.ts'
import { jars } from './maven.ts'
import { folderOf, HOST, port, type Server } from './server.ts'

const VERSION = '2.19.6'
const PORT = port(9200)
const NODES_PORT = port(9300)
const URL = `http://${HOST}:${PORT}`
const HOME = folderOf('opensearch', 'home')
const CONFIG = join(HOME, 'config')

/**
 * OpenSearch's archive is in no registry, its jars are. What it calls modules (HTTP, analysis of languages) it
 * loads from folders of their own, which describe themselves.
 */
const MODULES = [
  {
    name: 'transport-netty4',
    jars: 'opensearch-transport.jars.txt',
    plugin: 'org.opensearch.transport.Netty4Plugin',
    policy: `grant {
  permission java.net.SocketPermission "*", "accept,connect";
  permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";
  permission java.lang.RuntimePermission "accessDeclaredMembers";
  permission java.lang.RuntimePermission "getClassLoader";
};
`,
  },
  {
    name: 'analysis-common',
    jars: 'opensearch-analysis.jars.txt',
    plugin: 'org.opensearch.analysis.common.CommonAnalysisPlugin',
    policy: null,
  },
] as const

export const opensearch: Server = {
  name: 'opensearch',
  version: VERSION,
  ports: { client: PORT, nodes: NODES_PORT },
  variable: 'BANYAN_OPENSEARCH_URL',
  url: URL,
  roles: ['opensearch'],

  async install() {
    await installJava()
    await jars('opensearch', 'opensearch.jars.txt')
    for (const module of MODULES) await jars(`opensearch-${module.name}`, module.jars)
  },

  async prepare() {
    const classpath = await jars('opensearch', 'opensearch.jars.txt')
    for (const module of MODULES) await layOut(module)
    await mkdir(CONFIG, { recursive: true })
    await writeFile(join(CONFIG, 'opensearch.yml'), settings())
    await writeFile(join(CONFIG, 'log4j2.properties'), LOGGING)
    const options = [
      ...SMALL,
      // It is denied what it may not do by Java's security manager, which Java 17 wants to be told.
      '-Djava.security.manager=allow',
      // Without native calls it does not look whether root runs it, which it would refuse; a container's user is.
      '-Djna.nosys=true',
      '-Djna.nounpack=true',
      '-Djna.noclasspath=true',
      '-Dlog4j2.disable.jmx=true',
      `-Dopensearch.path.home=${HOME}`,
      `-Dopensearch.path.conf=${CONFIG}`,
    ]
    const args = [...options, '-cp', classpath, 'org.opensearch.bootstrap.OpenSearch']
    return [{ file: (await findJava())!, args }]
  },

  /** Until the cluster has its state back it answers, and knows no index. */
  ready: () => answers(`${URL}/_cluster/health`, (text) => /"status":"(green|yellow)"/.test(text)),
}

async function layOut({ name, jars: list, plugin, policy }: (typeof MODULES)[number]) {
  const folder = join(HOME, 'modules', name)
  // A jar of another version beside it would be loaded too.
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const jar of (await jars(`opensearch-${name}`, list)).split(delimiter)) {
    await cp(jar, join(folder, basename(jar)))
  }
  const description = [
    `name=${name}`,
    `description=${name}`,
    `version=${VERSION}`,
    `opensearch.version=${VERSION}`,
    'java.version=11',
    `classname=${plugin}`,
  ]
  await writeFile(join(folder, 'plugin-descriptor.properties'), `${description.join('\n')}\n`)
  if (policy) await writeFile(join(folder, 'plugin-security.policy'), policy)
}

function settings(): string {
  return `cluster.name: banyan
node.name: banyan
network.host: ${HOST}
http.port: ${PORT}
transport.port: ${NODES_PORT}
discovery.type: single-node
path.data: ${folderOf('opensearch', 'data')}
# A developer's disk may be fuller than a server's.
cluster.routing.allocation.disk.threshold_enabled: false
`
}

const LOGGING = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`
