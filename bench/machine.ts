import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { createPool, type EmbeddedPostgres } from '@banyan/postgres'

/** What the figures of a run depend on besides the code. */
export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryMb: number
  readonly os: string
  readonly node: string
  readonly postgres: string
}

export async function machineFacts(server: EmbeddedPostgres): Promise<Machine> {
  const pool = createPool(server.url(), { name: 'bench', max: 1 })
  try {
    const { rows } = await pool.query<{ server_version: string }>('SHOW server_version')
    return {
      cores: availableParallelism(),
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      memoryMb: Math.round(totalmem() / 2 ** 20),
      os: `${type()} ${release()}`,
      node: process.version,
      postgres: rows[0]!.server_version,
    }
  } finally {
    await pool.end()
  }
}
