import { connect } from 'node:net'
import { freePort } from '@banyan/postgres'

/** The usual port when nobody listens there, else a free one. */
export async function portNear(usual: number): Promise<number> {
  const taken = await new Promise<boolean>((resolve) => {
    const socket = connect(usual, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
  return taken ? freePort() : usual
}
