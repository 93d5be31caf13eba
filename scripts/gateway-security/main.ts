/**
 * Sends every case to our gateway, and to the proxies that are here, and prints how many each got right. Ends
 * with 1 when ours got one wrong.
 *
 *   npm run test:gateway-security -- [--json FILE] [--install] [--only WORD] [--explain]
 *
 * `--install` gets the proxies that Debian has; `--only` takes cases whose name or area has the word;
 * `--explain` says what the others got wrong, too.
 */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { startTrial } from './bed.ts'
import type { Area, Case } from './case.ts'
import { AREAS } from './cases/all.ts'
import { fastifyHttpProxy } from './gates/fastify.ts'
import { haproxy } from './gates/haproxy.ts'
import { nginx } from './gates/nginx.ts'
import { startOurs } from './gates/ours.ts'

/** How long anything is waited for, ms; a gateway that lets its client wait longer hangs. */
const LIMIT_MS = 3_000

/** What came of all cases at one gateway. */
interface Score {
  readonly name: string
  /** By case: what is wrong, or null. Cases that are not for it are not there. */
  readonly verdicts: ReadonlyMap<Case, string | null>
}

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    install: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    explain: { type: 'boolean', default: false },
  },
})

const areas = AREAS.map(({ name, cases }) => ({
  name,
  cases: cases.filter((one) => `${name}: ${one.name}`.includes(values.only)),
})).filter(({ cases }) => cases.length > 0)

const ours = await score('ours', startOurs, true)
const peers: Score[] = []
const absent: { name: string; why: string }[] = []
for (const product of [fastifyHttpProxy, nginx, haproxy]) {
  try {
    if (values.install && (await product.missing())) await product.install?.()
    const why = await product.missing()
    if (why) absent.push({ name: product.name, why })
    else peers.push(await score(product.name, (ports) => product.start(ports), false))
  } catch (error) {
    absent.push({ name: product.name, why: (error as Error).message })
  }
}
print([ours, ...peers])
const wrong = disagreements(ours)
if (values.json) await writeFile(values.json, `${JSON.stringify(report(), null, 2)}\n`)
process.exit(wrong.length > 0 ? 1 : 0)

async function score(
  name: string,
  start: Parameters<typeof startTrial>[0],
  own: boolean,
): Promise<Score> {
  const trial = await startTrial(start, own, LIMIT_MS)
  const verdicts = new Map<Case, string | null>()
  try {
    for (const { cases } of areas) {
      for (const one of cases) {
        // Tokens are verified by ours alone.
        if (own || !one.token) verdicts.set(one, await trial.ask(one))
      }
    }
  } finally {
    await trial.close()
  }
  return { name, verdicts }
}

function print(scores: readonly Score[]): void {
  const width = Math.max(...areas.map(({ name }) => name.length), 5)
  const columns = scores.map(({ name }) => Math.max(name.length, 9))
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}  ${cells.map((cell, i) => cell.padStart(columns[i]!)).join('  ')}`
  console.log(
    row(
      '',
      scores.map(({ name }) => name),
    ),
  )
  for (const area of [...areas, { name: 'all', cases: areas.flatMap(({ cases }) => cases) }]) {
    console.log(
      row(
        area.name,
        scores.map((one) => cell(one, area)),
      ),
    )
  }
  for (const { name, why } of absent) console.log(`${name}: not here (${why})`)
  for (const { name, verdicts } of values.explain ? scores : [ours]) {
    for (const [one, problem] of verdicts) {
      if (problem) console.log(`${name}: ${one.name}: ${problem} (${one.rule})`)
    }
  }
}

function cell({ verdicts }: Score, { cases }: Area): string {
  const asked = cases.filter((one) => verdicts.has(one))
  if (asked.length === 0) return 'n/a'
  return `${asked.filter((one) => verdicts.get(one) === null).length}/${asked.length}`
}

function disagreements({ verdicts }: Score) {
  return [...verdicts].flatMap(([one, problem]) =>
    problem ? [{ case: one.name, problem, rule: one.rule }] : [],
  )
}

function report() {
  const cases = areas.flatMap((area) => area.cases)
  return {
    cases: cases.length,
    disagreements: wrong.length,
    wrong,
    peers: peers.map((peer) => {
      const found = disagreements(peer)
      const asked = peer.verdicts.size
      return {
        name: peer.name,
        cases: asked,
        notApplicable: cases.length - asked,
        agreements: asked - found.length,
        disagreements: found.length,
        wrong: found,
      }
    }),
    absent,
  }
}
