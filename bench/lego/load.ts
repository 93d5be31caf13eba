import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Supervisor } from '@banyan/lab'
import type { LoadResult, LoadSetting } from './load-setting.ts'

export interface RunningLoad {
  /** Resolves when the requests that count begin. */
  readonly counting: Promise<void>
  /** @throws with what it said when it fails */
  result(): Promise<LoadResult>
}

let loads = 0

/** Starts the load process. */
export async function startLoad(
  supervisor: Supervisor,
  setting: Omit<LoadSetting, 'out'>,
): Promise<RunningLoad> {
  const name = `load-${++loads}`
  const file = join(supervisor.folder, `${name}.json`)
  const out = join(supervisor.folder, `${name}-result.json`)
  await writeFile(file, JSON.stringify({ ...setting, out } satisfies LoadSetting))
  let begin = () => {}
  const counting = new Promise<void>((resolve) => {
    begin = resolve
  })
  const process = await supervisor.process(name, {
    file: fileURLToPath(new URL('load-child.ts', import.meta.url)),
    args: [file],
    onEvent: ({ event }) => {
      if (event === 'counting') begin()
    },
  })
  // One that ends before is told of by `result`.
  void process.ended().then(begin)
  return {
    counting,
    async result() {
      const code = await process.ended()
      if (code !== 0) {
        throw new Error(`${name} ended with code ${code}:\n${process.lastLines(15).join('\n')}`)
      }
      const result = JSON.parse(await readFile(out, 'utf8')) as LoadResult
      await Promise.all([rm(file), rm(out)])
      return result
    },
  }
}
