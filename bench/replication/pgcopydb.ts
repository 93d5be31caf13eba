import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export async function pgcopydbInstalled(): Promise<boolean> {
  return run('pgcopydb', ['--version']).then(
    () => true,
    () => false,
  )
}

/** Copies the data of one table with pgcopydb, which then vacuums it. @returns how long it took, ms. */
export async function pgcopydbTableData(from: string, to: string, table: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-pgcopydb-'))
  try {
    const filters = join(folder, 'filters.ini')
    await writeFile(filters, `[include-only-table]\n${table}\n`)
    const began = performance.now()
    await run('pgcopydb', [
      'copy',
      'table-data',
      ...['--source', from, '--target', to, '--dir', join(folder, 'work')],
      ...['--filters', filters, '--table-jobs', '1'],
    ])
    return performance.now() - began
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
