import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { copyObject } from './copy-object.ts'
import { Pace } from './pace.ts'
import type { ObjectSide } from './side.ts'

it('ends no process when it is stopped before anybody reads the file', async () => {
  const crashed = vi.fn()
  process.prependListener('uncaughtException', crashed)
  const stream = Readable.from([Buffer.from('the plan')])
  const from = {
    name: 'a',
    read: async () => ({ stream, contentType: 'text/plain', metadata: {} }),
  }
  const to = {
    name: 'b',
    write: async () => {
      await turn()
      throw new Error('refused')
    },
  }
  const copying = {
    signal: AbortSignal.abort(),
    pace: new Pace(() => Number.POSITIVE_INFINITY),
    stillOurs: async () => {},
  }
  const listed = { key: 'a', owner: 'ann', version: '1', size: 8 }
  const copied = copyObject(from as never as ObjectSide, to as never as ObjectSide, listed, copying)
  await expect(copied).rejects.toThrow('refused')
  await turn()
  expect(stream.errored).toMatchObject({ code: 'ABORT_ERR' })
  expect(crashed).not.toHaveBeenCalled()
  process.off('uncaughtException', crashed)
})
