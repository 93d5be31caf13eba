import { rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, release, tmpdir, type } from 'node:os'
import { join } from 'node:path'
import { haproxy } from '../../scripts/gateway-security/gates/haproxy.ts'
import { nginx } from '../../scripts/gateway-security/gates/nginx.ts'
import { aptInstall, findProgram } from '../../scripts/servers/debian.ts'
import { helpText, main, readFlags, UsageError, wholeNumber } from '../../systems/options.ts'
import { chosenOf, printGoals, printLines, requireWritable } from '../report.ts'
import { compare, interleave, median, rounded } from '../statistics.ts'
import { measureChanges } from './changes.ts'
import { bind, type Contender, PROXY_CORE, startContender } from './contenders.ts'
import { type Figures, judge } from './goals.ts'
import { type Loaded, load, ownLoad, requireKept } from './load.ts'

const PARTS = ['speed', 'shadow', 'changes'] as const
/** Requests a second while a candidate hangs: what a core serves easily. */
const SHADOW_RATE = 1_500

const FLAGS = [
  { name: 'json', value: 'FILE', text: 'write the report there, as JSON' },
  { name: 'only', value: 'A,B', text: `some of ${PARTS.join(', ')}; all by default` },
  { name: 'rounds', value: 'N', text: 'rounds of each (5)' },
  { name: 'seconds', value: 'N', text: 'of one contender in one round (3)' },
  { name: 'install', text: 'get wrk, nginx and HAProxy from Debian first' },
  { name: 'quick', text: '2 rounds of 1 s: whether it runs, not how fast it is' },
]
const WHAT =
  'Measures the gateway beside other proxies, each in a process of its own on one core, in interleaved rounds.\n' +
  'A ratio is taken round by round; what is told is the median. nginx, HAProxy and wrk are used where they are.'

interface Measured {
  readonly figures: Figures
  readonly details: unknown
  readonly lines: readonly (readonly [string, string])[]
}

const MEASURES = { speed, shadow, changes } satisfies Record<
  (typeof PARTS)[number],
  (rounds: number, seconds: number) => Promise<Measured>
>

await main('npm run bench:gateway', async () => {
  const given = readFlags(process.argv.slice(2), FLAGS)
  if (given.help) {
    console.log(helpText('npm run bench:gateway', WHAT, FLAGS))
    return 0
  }
  if (given.json === '') throw new UsageError('--json needs the name of a file')
  const json = given.json === undefined ? null : String(given.json)
  if (json !== null) await requireWritable(json)
  const quick = given.quick === true
  const rounds = wholeNumber(given, 'rounds', quick ? 2 : 5, 1)
  const seconds = wholeNumber(given, 'seconds', quick ? 1 : 3, 1)
  const parts = chosenOf(given, PARTS)
  if (given.install) await aptInstall(['wrk', 'nginx-light', 'haproxy'])
  const machine = {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    os: `${type()} ${release()}`,
    node: process.version,
    loadBefore: loadavg()[0]!,
    wrk: (await findProgram('wrk')) !== null,
    bound: (await findProgram('taskset')) !== null,
  }
  console.log(`${machine.cores} cores (${machine.cpu}), Node ${machine.node}`)
  console.log(
    machine.wrk ? 'load by wrk' : 'load by a process of ours: wrk is not here (--install)',
  )
  if (machine.loadBefore > 0.5) {
    console.log(
      `something else runs here (load ${machine.loadBefore.toFixed(1)}): figures will be worse`,
    )
  }
  let figures: Figures = {}
  const details: Record<string, unknown> = {}
  for (const part of parts) {
    const began = performance.now()
    const { lines, ...measured } = await MEASURES[part](rounds, seconds)
    figures = { ...figures, ...measured.figures }
    details[part] = measured.details
    printLines(part, lines, Math.round((performance.now() - began) / 1000))
  }
  const goals = judge(figures)
  printGoals(goals, quick)
  if (json !== null) {
    const report = { ...figures, goals, quick, rounds, seconds, machine, details }
    await writeFile(json, `${JSON.stringify(report, null, 2)}\n`)
  }
  return 0
})

/** Requests a second, over 32 connections. */
async function speed(rounds: number, seconds: number): Promise<Measured> {
  const logFile = join(tmpdir(), `banyan-bench-gateway-${process.pid}.log`)
  const upstream = await startContender('upstream')
  const ports = { upstream: upstream.port }
  const started: Record<string, Contender> = {
    bare: await startContender('bare', ports),
    full: await startContender('full', ports),
    cached: await startContender('cached', ports),
    logged: await startContender('logged', ports, logFile),
    fastifyHttpProxy: await startContender('fastifyHttpProxy', ports),
    httpProxyMiddleware: await startContender('httpProxyMiddleware', ports),
  }
  const peers: Record<string, Contender> = {}
  for (const [name, product] of Object.entries({ nginx, haproxy })) {
    if ((await product.missing()) !== null) continue
    const { port, pid, close } = await product.start({
      monolith: upstream.port,
      service: upstream.port,
    })
    await bind(pid!, PROXY_CORE)
    peers[name] = { port, headers: [], cpuMicros: async () => 0, stop: () => void close() }
  }
  const all = { ...started, ...peers }
  const cpuMicros: Record<string, number[]> = {}
  try {
    for (const contender of Object.values(all)) await load(contender, 1)
    await requireKept(started.cached!)
    const contenders = Object.fromEntries(
      Object.entries(all).map(([name, contender]) => [
        name,
        async () => {
          const before = await contender.cpuMicros()
          const { rate, answered } = await load(contender, seconds)
          const used = ((await contender.cpuMicros()) - before) / answered
          cpuMicros[name] = [...(cpuMicros[name] ?? []), used]
          return rate
        },
      ]),
    )
    const results = await interleave(rounds, contenders, true)
    const ratio = (ours: string, peer: string) => compare(results, ours, peer).ratio
    const micros = (name: string) => median(cpuMicros[name]!)
    const figures: Figures = {
      bare: {
        ratioToFastifyHttpProxy: ratio('bare', 'fastifyHttpProxy'),
        ratioToHttpProxyMiddleware: ratio('bare', 'httpProxyMiddleware'),
        ...(peers.nginx ? { ratioToNginx: ratio('bare', 'nginx') } : {}),
        ...(peers.haproxy ? { ratioToHaproxy: ratio('bare', 'haproxy') } : {}),
      },
      full: {
        ratioToBare: ratio('full', 'bare'),
        ratioToBareFastifyHttpProxy: ratio('full', 'fastifyHttpProxy'),
      },
      cachedRatioToFull: ratio('cached', 'full'),
      loggedCpuRatio: rounded(micros('logged') / micros('bare')),
    }
    const lines = Object.keys(all).map((name): [string, string] => {
      const rate = Math.round(median(results.map((round) => round[name]!)))
      const cpu = started[name] ? `, ${Math.round(micros(name))} µs of CPU a request` : ''
      return [name, `${rate.toLocaleString('en')} /s${cpu}`]
    })
    return { figures, details: { rounds: results, cpuMicros }, lines }
  } finally {
    for (const one of [upstream, ...Object.values(all)]) one.stop()
    rmSync(logFile, { force: true })
  }
}

/** How long answers take while every read is copied to a side that answers nothing, beside how long without. */
async function shadow(rounds: number, seconds: number): Promise<Measured> {
  const [upstream, hung] = [await startContender('upstream'), await startContender('hung')]
  const ports = { upstream: upstream.port, hung: hung.port }
  const [without, shadowing] = [
    await startContender('unshadowed', ports),
    await startContender('shadowing', ports),
  ]
  const p99 = async (contender: Contender): Promise<number> => {
    const { p99Ms }: Loaded = await ownLoad(contender, Math.max(seconds, 2), SHADOW_RATE)
    return p99Ms
  }
  try {
    await interleave(1, { shadowing: () => p99(shadowing), without: () => p99(without) })
    const results = await interleave(
      rounds,
      { shadowing: () => p99(shadowing), without: () => p99(without) },
      true,
    )
    const { ratio } = compare(results, 'shadowing', 'without')
    const ms = (name: 'shadowing' | 'without') =>
      `${rounded(median(results.map((round) => round[name])))} ms`
    return {
      figures: { shadowHungP99Ratio: ratio },
      details: { perSecond: SHADOW_RATE, rounds: results },
      lines: [
        ['p99 with all reads copied to a side that hangs', ms('shadowing')],
        ['p99 without', ms('without')],
      ],
    }
  } finally {
    for (const one of [upstream, hung, without, shadowing]) one.stop()
  }
}

async function changes(): Promise<Measured> {
  const figures = await measureChanges()
  const { changes: count, processes, requests, failed } = figures.reloads!
  return {
    figures,
    details: figures,
    lines: [
      ['changes of the table', String(count)],
      ['reloads of all workers', String(processes)],
      ['requests meanwhile', requests.toLocaleString('en')],
      ['of these failed', String(failed)],
      ['until all workers have a table, p99', `${figures.propagationMsP99} ms`],
    ],
  }
}
