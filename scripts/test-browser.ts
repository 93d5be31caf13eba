/**
 * Runs what needs a browser (`*.browser.test.ts`), in Chromium, which is installed where it is missing.
 * `npm run test:browser -- [files…]`
 */
import { spawnSync } from 'node:child_process'
import { aptInstall, findProgram } from './servers/debian.ts'

/** As Debian calls it, and others. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

const began = Date.now()
const { status } = spawnSync('npx', ['vitest', 'run', ...process.argv.slice(2)], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, BANYAN_BROWSER: '1', BANYAN_CHROMIUM: await chromium() },
})
console.log(`${((Date.now() - began) / 1000).toFixed(0)} s with installing`)
process.exit(status ?? 1)

async function chromium(): Promise<string> {
  const given = process.env.BANYAN_CHROMIUM
  if (given) return given
  const found = await find()
  if (found) return found
  await aptInstall(['chromium'])
  const installed = await find()
  if (!installed) throw new Error('chromium was installed, but is not in the PATH')
  return installed
}

async function find(): Promise<string | null> {
  for (const name of NAMES) {
    const path = await findProgram(name)
    if (path) return path
  }
  return null
}
