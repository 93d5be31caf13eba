import { writeFile } from 'node:fs/promises'
import { Screen, type Supervisor } from '@banyan/lab'
import { DemoError, isGood, type Judged, Move } from './demo-move.ts'
import { retire } from './demo-retirement.ts'
import { type Report, type SystemReport, summary } from './demo-view.ts'
import plan from './lego/banyan.config.ts'
import { PASSWORD } from './lego/generate.ts'
import { type DataPlane, planEnvOf } from './lego/haproxy.ts'
import type { ReconciliationReport } from './lego/reconciliation/reconcile.ts'
import { routesLeft } from './lego/routes-left.ts'
import {
  EXTRACTIONS,
  type ExtractionName,
  type Lego,
  NEW_SERVICES,
  startLego,
  startWeb,
} from './lego/topology.ts'
import { Trial, TrialLoad } from './lego/trial.ts'

/** The demonstration watches each step for seconds where a real move takes minutes or days. */
const PLAN_ENV = {
  BANYAN_STEP_SECONDS: '4',
  BANYAN_SOAK_SECONDS: '4',
  BANYAN_MINIMUM_REQUESTS: '30',
  // Everything shares two cores here: a ratio of latencies says more about them than about the service.
  BANYAN_LATENCY_RATIO: '10',
}
/** A capability that few use has few answers to be judged by. */
const WHOLE_ENV = { BANYAN_MINIMUM_REQUESTS: '5', BANYAN_MINIMUM_COMPARED: '20' }
/** Fewer acknowledged writes in a move would say little. */
const WRITES = { alone: 10_000, oneOfMany: 2_000 }

export interface DemoOptions {
  readonly rows: number
  readonly rate: number
  readonly people: number
  readonly seed: number
  /** Of what moves, one after the other. */
  readonly extractions: readonly ExtractionName[]
  /** All of the system is at work, and the report is about all of it. */
  readonly whole: boolean
  /** What its requests go through. */
  readonly dataPlane: DataPlane
}

/** What `npm start` runs: the whole move, live, with its users, and the verdict. */
export class Demo {
  readonly #supervisor: Supervisor
  readonly #options: DemoOptions
  readonly #screen = new Screen()
  readonly #begun = performance.now()

  constructor(supervisor: Supervisor, options: DemoOptions) {
    this.#supervisor = supervisor
    this.#options = options
  }

  /** @returns the exit code. */
  async run(once: boolean, json: string | undefined): Promise<number> {
    try {
      return await this.#run(once, json)
    } catch (error) {
      if (!(error instanceof DemoError)) throw error
      this.#screen.clear()
      console.error([`\nThe move has stopped: ${error.message}`, ...error.details].join('\n  '))
      this.#keepLogs()
      return 1
    }
  }

  async #run(once: boolean, json: string | undefined): Promise<number> {
    const { rows, seed, extractions, whole, dataPlane } = this.#options
    this.#say(`seed ${seed}; logs in ${this.#supervisor.folder}`)
    const lego = await startLego(this.#supervisor, {
      // What does not move is met by the users too.
      extractions: whole ? EXTRACTIONS : ['wishlist', 'profile'],
      newServices: whole ? NEW_SERVICES : [],
      rows,
      seed,
      engines: 1,
      // There is no other to ask.
      controlTimeoutMs: 30_000,
      documentedPorts: true,
      dataPlane,
      env: { ...PLAN_ENV, ...(whole ? WHOLE_ENV : {}), ...planEnvOf(dataPlane) },
      onStep: (what) => this.#say(`starting ${what}`),
    })
    // Nobody looks at it where nothing stays up.
    const web = once ? null : await startWeb(this.#supervisor, lego)
    const load = new TrialLoad(this.#supervisor)
    const judged: Judged[] = []
    const found: ReconciliationReport[] = []
    const completed = new Set<ExtractionName>()
    let under: Move[] = []
    let told = 0
    const writes = whole ? WRITES.oneOfMany : WRITES.alone
    for (const [i, name] of extractions.entries()) {
      const moved = extractions.slice(0, i)
      const trial = await Trial.begin(load, lego, { ...this.#options, moved, tag: `m${i + 1}` })
      this.#say(`${trial.people.length} users at work, ${this.#options.rate} requests/s`)
      if (i === 0) {
        this.#say(`gateway ${lego.gateways[0].url}, control API ${lego.engines[0]!.url}`)
        if (!once) this.#say(`console ${await consoleLink(lego)} (signs in once)`)
        if (web) this.#say(`page ${web.url}: sign in as user.1@example.org, ${PASSWORD}`)
      }
      const voice = { screen: this.#screen, say: (text: string) => this.#say(text) }
      const move = new Move({ name, lego, trial, moved, writes, voice })
      await move.move()
      under.push(move)
      // As soon as what it waits for is completed: the plan says in which order.
      for (let next = ready(under, completed); next; next = ready(under, completed)) {
        found.push(await next.complete())
        completed.add(next.name)
      }
      if (under.some((one) => !completed.has(one.name))) continue
      const leftovers = await trial.leftovers()
      for (const one of under) judged.push(await one.judge(leftovers))
      under = []
      this.#screen.clear()
      for (const { report, findings, counts } of judged.slice(told)) {
        console.log(summary(report, findings, counts))
      }
      told = judged.length
    }
    const reports = inOrder(extractions, judged)
    const left = whole ? routesLeft(rulesOf(completed)) : []
    let good = reports.length === extractions.length && reports.every(isGood)
    const dangling = danglingAtTheEnd(found, completed)
    if (dangling.length > 0) {
      this.#say(`links are left to what is not there: ${dangling.join('; ')}`)
      good = false
    }
    const toRetire = whole && good && left.length === 0
    const retired = toRetire
      ? await retire({
          supervisor: this.#supervisor,
          lego,
          load,
          extractions: [...completed],
          trial: this.#options,
          say: (text) => this.#say(text),
        })
      : false
    if (whole && !toRetire) {
      const why = good ? `it still serves ${left.join(', ')}` : 'what came before was not clean'
      this.#say(`the monolith is not retired: ${why}`)
    }
    if (toRetire && !retired) good = false
    if (json) {
      const report = whole ? systemReport(reports, found, left, retired) : reports[0]
      await writeFile(json, `${JSON.stringify(report, null, 2)}\n`)
    }
    if (!good) this.#keepLogs()
    if (!once) await this.#stayUp(lego)
    return good ? 0 : 1
  }

  #keepLogs(): void {
    this.#supervisor.keepFolder()
    console.log(`Logs and histories are kept in ${this.#supervisor.folder}`)
  }

  async #stayUp(lego: Lego): Promise<void> {
    const { env } = lego
    const link = await consoleLink(lego)
    console.log(
      [
        '',
        'Still running, to be explored:',
        `  console          ${link} (signs in once, within 15 minutes; or with the token ${env.BANYAN_CONTROL_TOKEN})`,
        `  gateway          ${lego.gateways[0].url}/api/wishlist`,
        `  monolith         ${env.MONOLITH_URL}`,
        `  wishlist service ${env.WISHLIST_URL}`,
        `  control API      ${lego.engines[0]!.url}/v1/status`,
        `  monolith's data  ${lego.urls.monolith}`,
        `  service's data   ${lego.urls.wishlist}`,
        `  status           BANYAN_CONTROL_TOKEN=${env.BANYAN_CONTROL_TOKEN} npx banyan status --control ${lego.engines[0]!.url}`,
        'Ctrl-C ends everything and leaves nothing behind.',
      ].join('\n'),
    )
    // The supervisor ends the process at a signal.
    await new Promise(() => setInterval(() => {}, 60_000))
  }

  #say(text: string): void {
    const seconds = ((performance.now() - this.#begun) / 1000).toFixed(1).padStart(6)
    this.#screen.line(`${seconds} s  ${text}`)
  }
}

/** Where a browser is signed in, once. */
async function consoleLink({ controls, engines }: Lego): Promise<string> {
  const { path } = await controls[0]!.signInLink('demo')
  return engines[0]!.url + path
}

/** The first that may be completed now. */
function ready(moves: readonly Move[], completed: ReadonlySet<ExtractionName>): Move | undefined {
  return moves.find(({ name }) => {
    const { completeAfter = [] } = plan.extractions.find((one) => one.name === name)!
    return (
      !completed.has(name) && completeAfter.every((one) => completed.has(one as ExtractionName))
    )
  })
}

/** Examples of links that nobody would take out any more. Until both have moved the monolith keeps such links, as ever. */
function danglingAtTheEnd(
  found: readonly ReconciliationReport[],
  completed: ReadonlySet<ExtractionName>,
): readonly string[] {
  if (!completed.has('moc') || !completed.has('gallery')) return []
  return found.at(-1)?.dangling.examples ?? []
}

function rulesOf(completed: ReadonlySet<ExtractionName>) {
  return plan.extractions
    .filter(({ name }) => completed.has(name as ExtractionName))
    .flatMap(({ routes }) => routes)
}

function inOrder(names: readonly ExtractionName[], judged: readonly Judged[]): Report[] {
  return names.flatMap((name) =>
    judged.flatMap(({ report }) => (report.extraction === name ? [report] : [])),
  )
}

function systemReport(
  reports: readonly Report[],
  found: readonly ReconciliationReport[],
  left: readonly string[],
  retired: boolean,
): SystemReport {
  const sum = (of: (report: ReconciliationReport) => number) =>
    found.reduce((total, one) => total + of(one), 0)
  return {
    system: 'lego',
    extractions: reports,
    retired,
    left,
    reconciliation: {
      compared: sum(({ compared }) => compared),
      differing: sum(({ differing }) => differing),
      repaired: sum(({ repaired }) => repaired),
      unlinked: sum(({ unlinked }) => unlinked),
      dangling: found.at(-1)?.dangling.links ?? 0,
    },
  }
}
