import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { aptInstall, findProgram } from './debian.ts'

const run = promisify(execFile)

/** Kafka 4 and ElasticMQ are built for it. */
const OLDEST = 17

/** Makes sure of a Java that is new enough. @throws an Error that says which is there and which it takes. */
export async function installJava(): Promise<void> {
  if (!(await findJava())) await aptInstall(['openjdk-17-jre-headless'])
  const java = await findJava()
  if (!java) throw new Error(`there is no java: install Java ${OLDEST} or newer`)
  // Java writes its version to standard error.
  const { stderr } = await run(java, ['-version'])
  const version = Number(/version "(\d+)/.exec(stderr)?.[1])
  if (version >= OLDEST) return
  throw new Error(
    `${java} is version ${version}; install Java ${OLDEST} or newer, or set JAVA_HOME`,
  )
}

/** Path of the java of JAVA_HOME, else of the PATH; null when there is none. */
export async function findJava(): Promise<string | null> {
  const home = process.env.JAVA_HOME
  return findProgram('java', home ? [join(home, 'bin', 'java')] : [])
}

/** Options for a server that lives for a test: little memory, up quickly. */
export const SMALL = ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
