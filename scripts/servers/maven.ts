import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { EnvHttpProxyAgent, fetch } from 'undici'
import { folderOf } from './server.ts'

/** Downloads at once: registries answer more with "too many requests". */
const PARALLEL = 6

const LOCAL = join(homedir(), '.m2', 'repository')

/**
 * Gets a list of jars, each held against its SHA-256, from this machine's Maven repository or else
 * from Maven Central (BANYAN_MAVEN_URL, or the mirror in ~/.m2/settings.xml). No Maven is needed.
 *
 * @param list file beside this one: lines of `sha256  path in the repository`
 * @returns the class path
 * @throws an Error that names the jar and what came instead
 */
export async function jars(server: string, list: string): Promise<string> {
  const folder = folderOf(server, 'jars')
  await mkdir(folder, { recursive: true })
  const text = await readFile(join(import.meta.dirname, list), 'utf8')
  const wanted = text
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/) as [string, string])
  const kept = new Set(wanted.map(([, path]) => basename(path)))
  // Jars of another version would be on no class path, and stay for ever.
  for (const name of await readdir(folder)) {
    if (!kept.has(name)) await rm(join(folder, name))
  }
  const missing: [string, string][] = []
  for (const [sum, path] of wanted) {
    if ((await sumOf(join(folder, basename(path)))) !== sum) missing.push([sum, path])
  }
  if (missing.length > 0) await download(server, folder, missing)
  return wanted.map(([, path]) => join(folder, basename(path))).join(delimiter)
}

async function download(
  server: string,
  folder: string,
  missing: readonly [string, string][],
): Promise<void> {
  const repository = await repositoryUrl()
  console.log(`${server}: ${missing.length} jars from ${repository}`)
  const dispatcher = new EnvHttpProxyAgent()
  const queue = [...missing]
  const worker = async () => {
    for (let jar = queue.shift(); jar; jar = queue.shift()) {
      const [sum, path] = jar
      const file = join(folder, basename(path))
      if ((await sumOf(join(LOCAL, path))) === sum) {
        await copyFile(join(LOCAL, path), file)
        continue
      }
      const url = `${repository}/${path}`
      const answer = await fetch(url, { dispatcher }).catch((error: Error) => {
        throw new Error(`${url}: ${(error.cause as Error | undefined)?.message ?? error.message}`)
      })
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${answer.statusText}`)
      const bytes = Buffer.from(await answer.arrayBuffer())
      const got = createHash('sha256').update(bytes).digest('hex')
      if (got !== sum) throw new Error(`${url}: SHA-256 is ${got}, the list says ${sum}`)
      // Whole or not at all: a file that was cut off would have the right name.
      await writeFile(`${file}.part`, bytes)
      await rename(`${file}.part`, file)
    }
  }
  try {
    await Promise.all(Array.from({ length: PARALLEL }, worker))
  } finally {
    await dispatcher.close()
  }
}

async function repositoryUrl(): Promise<string> {
  if (process.env.BANYAN_MAVEN_URL) return process.env.BANYAN_MAVEN_URL.replace(/\/$/, '')
  const settings = await readFile(join(homedir(), '.m2', 'settings.xml'), 'utf8').catch(() => '')
  const mirrors = settings.replace(/<!--[\s\S]*?-->/g, '').match(/<mirror>[\s\S]*?<\/mirror>/g)
  const mirror = mirrors?.find((one) => /<mirrorOf>[^<]*(central|\*)/.test(one))
  const url = mirror && /<url>\s*([^<\s]+)/.exec(mirror)?.[1]
  return (url ?? 'https://repo.maven.apache.org/maven2').replace(/\/$/, '')
}

async function sumOf(file: string): Promise<string | null> {
  const bytes = await readFile(file).catch(() => null)
  return bytes && createHash('sha256').update(bytes).digest('hex')
}
