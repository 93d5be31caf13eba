import { expect, it, onTestFinished, vi } from 'vitest'
import { JobWorker, wakeWorker } from './worker.ts'

/** A worker that finds no job, for whom time stands still; how often it has looked. */
async function restingWorker() {
  vi.useFakeTimers()
  let looks = 0
  const query = async () => {
    looks++
    return { rows: [] }
  }
  const metrics = { gauge: () => {} }
  const context = { pool: { query }, metrics, config: { JOBS_AT_ONCE: 2 } } as never
  const worker = new JobWorker(context)
  worker.start()
  onTestFinished(async () => {
    await worker.stop()
    vi.useRealTimers()
  })
  await vi.advanceTimersByTimeAsync(0)
  return { context: context as object, looks: () => looks }
}

it('looks for a job as soon as one is written down in its process', async () => {
  const { context, looks } = await restingWorker()
  expect(looks()).toBe(1)
  wakeWorker(context)
  await vi.advanceTimersByTimeAsync(0)
  expect(looks()).toBe(2)
  wakeWorker({})
  await vi.advanceTimersByTimeAsync(0)
  expect(looks()).toBe(2)
})

it('looks by itself for those that others wrote down, twice a second', async () => {
  const { looks } = await restingWorker()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(looks()).toBe(11)
})
