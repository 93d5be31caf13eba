import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SERVERS } from './all.ts'
import { start, status, stop } from './control.ts'
import { folderOf } from './server.ts'

describe.each(SERVERS.map((server) => [server.name, server] as const))(
  'the server %s',
  (_, server) => {
    const pidFile = folderOf(server.name, `${server.name}.pid`)
    beforeAll(async () => {
      await start(server)
    })

    it('is not started twice', async () => {
      const pid = await readFile(pidFile, 'utf8')
      expect(await start(server)).toBe('ran already')
      expect(await readFile(pidFile, 'utf8')).toBe(pid)
    })

    it('answers again after it was killed and started', async () => {
      const pid = await readFile(pidFile, 'utf8')
      expect(await stop(server, true)).toBe('stopped')
      expect(await status(server)).toBe('not running')
      await expect(server.ready()).rejects.toThrow()
      expect(await start(server)).toBe('started')
      await server.ready()
      expect(await readFile(pidFile, 'utf8')).not.toBe(pid)
    })
  },
)

describe('a pid file of another process', () => {
  const server = SERVERS.find(({ name }) => name === 'redis')!
  const pidFile = folderOf(server.name, 'redis.pid')
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    stdio: 'ignore',
    detached: true,
  })
  afterAll(async () => {
    stranger.kill('SIGKILL')
    await start(server)
  })

  it('does not end that process', async () => {
    await stop(server)
    await writeFile(pidFile, String(stranger.pid))
    expect(await stop(server)).toBe('did not run')
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
  })
})
