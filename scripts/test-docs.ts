/**
 * `npm run test:docs`: packs the command, and runs every block of the tutorial as it stands, in an empty folder, one
 * after the other in one shell. `--package FILE` takes a package that is there already; `--keep` keeps the folder.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { blocksOf, scriptOf } from './tutorial-blocks.ts'

const ROOT = resolve(import.meta.dirname, '..')
const TUTORIAL = join(ROOT, 'docs/tutorial/README.md')
/** Of all blocks together; a machine that does nothing else needs a fifth of it. */
const PATIENCE_MS = 900_000

const { values } = parseArgs({
  options: { package: { type: 'string' }, keep: { type: 'boolean', default: false } },
})

const folder = await mkdtemp(join(tmpdir(), 'banyan-tutorial-'))
// PostgreSQL runs as another user where we are root.
await chmod(folder, 0o755)
const made = values.package === undefined ? `${folder}-package` : null
try {
  if (made) {
    execFileSync(process.execPath, ['--import', 'tsx', 'scripts/pack/main.ts', '--to', made], {
      cwd: ROOT,
      stdio: 'inherit',
    })
  }
  const file = values.package ?? join(made!, (await readdir(made!))[0]!)
  await copyFile(file, join(folder, 'banyan-0.1.0.tgz'))
  const blocks = blocksOf(await readFile(TUTORIAL, 'utf8'))
  const script = `${folder}.sh`
  await writeFile(script, scriptOf(blocks))
  const verdict = await run(script)
  await rm(script)
  if (!/^verdict: \{"acknowledged":[1-9]\d*,"lost":0,"doubled":0,"missing":0,/m.test(verdict)) {
    throw new Error('the tutorial ended without its verdict')
  }
  console.log(`${blocks.length} blocks of the tutorial ran as they stand`)
} finally {
  if (made) await rm(made, { recursive: true, force: true })
  if (values.keep) console.log(`kept: ${folder}`)
  else await rm(folder, { recursive: true, force: true })
}

/** @returns what it printed. @throws Error when a block fails, or it takes too long; nothing is left running */
async function run(script: string): Promise<string> {
  const child = spawn('bash', [script], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own: what a failed block started is ended with it.
    detached: true,
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
    process.stdout.write(chunk)
  })
  const late = setTimeout(() => process.kill(-child.pid!, 'SIGTERM'), PATIENCE_MS)
  const [code] = await once(child, 'exit')
  clearTimeout(late)
  try {
    process.kill(-child.pid!, 'SIGTERM')
  } catch {
    // Nothing of it runs any more.
  }
  if (code !== 0)
    throw new Error(`the tutorial ended with code ${code}; with --keep its folder stays`)
  return out
}
