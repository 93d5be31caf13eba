import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { makeFolder, ServerProcess } from './process.ts'
import { HOST, port } from './server.ts'

const PORT = port(27_099)

/** Listens from its second thread once its first is dead, and ends soon after its first client. */
const HALF_DEAD = `
import ctypes, os, socket, threading, time
def serve():
    while open('/proc/self/stat').read().rsplit(')', 1)[1].split()[0] != 'Z':
        time.sleep(0.01)
    listener = socket.create_server(('${HOST}', ${PORT}))
    listener.accept()
    time.sleep(0.5)
    os._exit(0)
threading.Thread(target=serve).start()
ctypes.CDLL(None).pthread_exit(None)
`

async function answers(): Promise<boolean> {
  const socket = connect(PORT, HOST)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

const half = new ServerProcess('half-dead', 'half-dead')
afterAll(() => half.stop(true))

it('holds a process for gone only when its last thread has let go of its port', async () => {
  await makeFolder('half-dead')
  await half.start({ file: 'python3', args: ['-c', HALF_DEAD] })
  await expect.poll(answers, { timeout: 20_000 }).toBe(true)
  expect(await half.pid()).toBeNull()
  expect(await answers()).toBe(false)
})
