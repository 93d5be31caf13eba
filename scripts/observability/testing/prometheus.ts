import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '@banyan/postgres'
import { eventually } from '@banyan/service/testing'
import { findProgram } from '../../servers/debian.ts'
import { type RuleFile, ruleFiles } from '../rules.ts'

export interface Target {
  readonly job: 'banyan-services' | 'banyan-gateways' | 'banyan-engines'
  /** Host and port. */
  readonly address: string
}

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

export interface Line {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly (readonly [at: number, value: string])[]
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [at: number, value: string]
}

/** By how much windows and waits of the rules are shortened for a test. The thresholds stay, 60 s of lag among them. */
const SHORTENED = 30
/** Some files otherwise: a process takes its time to start three times, and budgets are looked at over days. */
const OTHERWISE: Readonly<Record<string, number>> = { 'processes.yml': 10, 'objectives.yml': 360 }
/** Between two scrapes of a target, s. */
export const SCRAPED_S = 2
const LOOK_MS = 500
/** A lag of 60 s takes its time, on a busy machine twice that. */
const PATIENCE_MS = 280_000

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** The rules with the durations of `[…]` and `for:` divided, and nothing else changed. */
function shortened({ name, text }: RuleFile): string {
  const by = OTHERWISE[name] ?? SHORTENED
  const divided = (_: string, before: string, count: string, unit: keyof typeof SECONDS) =>
    `${before}${Math.round((Number(count) * SECONDS[unit] * 1_000) / by)}ms`
  return text.replace(/(\[|^\s+for: )(\d+)([smhd])\b/gm, divided)
}

/** A real Prometheus that scrapes real processes by our rules. */
export class Prometheus {
  readonly #url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.#url = url
    this.#child = child
  }

  static async start(folder: string, targets: readonly Target[]): Promise<Prometheus> {
    const port = await freePort()
    const rules = join(folder, 'rules')
    await mkdir(rules)
    for (const file of ruleFiles()) await writeFile(join(rules, file.name), shortened(file))
    const configuration = {
      global: {
        scrape_interval: `${SCRAPED_S}s`,
        scrape_timeout: `${SCRAPED_S}s`,
        evaluation_interval: '1s',
      },
      rule_files: [join(rules, '*.yml')],
      scrape_configs: [...new Set(targets.map(({ job }) => job))].map((job) => ({
        job_name: job,
        static_configs: [
          { targets: targets.filter((one) => one.job === job).map(({ address }) => address) },
        ],
      })),
    }
    const file = join(folder, 'prometheus.yml')
    await writeFile(file, JSON.stringify(configuration))
    const child = spawn(
      (await findProgram('prometheus'))!,
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child)
    await eventually('Prometheus is ready', () =>
      fetch(`http://127.0.0.1:${port}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    return prometheus
  }

  /** @throws with what Prometheus says of the query */
  async query(query: string): Promise<readonly Series[]> {
    const { result } = await this.#ask<{ result: Series[] }>(
      `query?query=${encodeURIComponent(query)}`,
    )
    return result
  }

  /** From a time, s since 1970, until now, at each scrape. @throws with what Prometheus says of the query */
  async queryRange(query: string, since: number): Promise<readonly Line[]> {
    const range = { start: String(since), end: String(Date.now() / 1_000), step: String(SCRAPED_S) }
    const parameters = new URLSearchParams({ query, ...range })
    return (await this.#ask<{ result: Line[] }>(`query_range?${parameters}`)).result
  }

  /** The values that a label has in the series of a metric. */
  labelValues(metric: string, label: string): Promise<readonly string[]> {
    return this.#ask(`label/${label}/values?match[]=${metric}`)
  }

  /** Of one alert, pending and firing. */
  async active(alert: string): Promise<readonly ActiveAlert[]> {
    return (await this.allActive()).filter(({ labels }) => labels.alertname === alert)
  }

  async allActive(): Promise<readonly ActiveAlert[]> {
    return (await this.#ask<{ alerts: ActiveAlert[] }>('alerts')).alerts
  }

  /** Asks until the answer is truthy, as often as the rules are looked at. @throws with the active alerts */
  async until<T>(what: string, look: () => Promise<T | false | null | undefined>): Promise<T> {
    const slowly = async () => (await look()) || (await delay(LOOK_MS, null))
    return eventually(what, slowly, PATIENCE_MS).catch(async (error: Error) => {
      const active = (await this.allActive()).map(({ labels, state }) => ({ ...labels, state }))
      throw new Error(`${error.message}; active: ${JSON.stringify(active)}`)
    })
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.kill('SIGTERM')
    await once(this.#child, 'exit')
  }

  async #ask<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.#url}/api/v1/${path}`)
    const body = (await answer.json()) as { data: T; error?: string }
    if (body.error) throw new Error(`${path}: ${body.error}`)
    return body.data
  }
}
