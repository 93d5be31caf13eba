import { readFileSync } from 'node:fs'
import { BanyanError } from '@banyan/contracts'
import { describe, expect, it } from 'vitest'
import { ALLOWED, decide } from './decisions.ts'
import { checkPhaseChange, PHASE_CHANGES } from './phase-changes.ts'
import { type ResolvedExtraction, resolvePlan } from './plan.ts'
import { ACTIONS, type Action, KINDS, type Kind, PHASES, type Phase } from './status.ts'
import type { ExtractionRow, Store } from './store.ts'
import { phaseAfter } from './testing/driven-extraction.ts'
import { examplePlan } from './testing/example-plan.ts'

const read = (path: string) =>
  readFileSync(new URL(`../../../docs/${path}`, import.meta.url), 'utf8')

const edges = Object.entries(PHASE_CHANGES).flatMap(([from, next]) =>
  next.map((to) => `${from} -> ${to}`),
)

describe('the phases', () => {
  it('are drawn in docs/concepts.md with the ways between them that there are, and no others', () => {
    const { names, arrows } = drawn(read('concepts.md'))
    expect([...names].sort()).toEqual([...PHASES].sort())
    expect([...arrows].sort()).toEqual(edges.sort())
  })

  it('change in these ways, and no others: by decisions, by the engine, and where a target is given up', async () => {
    const decisions = await changesOf(PHASES.flatMap(decisionsIn))
    expect(decisions).toEqual([
      'canary -> rolling back',
      'cancelled -> copying',
      'cancelled -> shadowing',
      'cut over -> rolling back',
      'planned -> cancelled',
      'planned -> copying',
      'planned -> shadowing',
      'rolled back -> canary',
      'shadowing -> canary',
      'soaking -> rolling back',
    ])
    const engine = await changesOf(PHASES.flatMap(lookedAt))
    // What an engine does then needs two databases: abandon.test.ts.
    const givenUp = [
      ...ALLOWED.abandon.map((from) => `${from} -> abandoned`),
      'abandoned -> cancelled',
    ]
    const all = [...new Set([...decisions, ...engine, ...givenUp])]
    expect(all.sort()).toEqual([...edges].sort())
  })

  it('refuse what no extraction does, saying what it could do', () => {
    expect(() => checkPhaseChange('completed', 'canary')).toThrow(
      'an extraction that is completed cannot become canary; it can become: none',
    )
    expect(() => checkPhaseChange('canary', 'canary')).not.toThrow()
  })
})

describe('docs/runbooks/states.md', () => {
  const page = read('runbooks/states.md')

  it('has a section for each phase, in their order, and for nothing else that is one', () => {
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!)
    expect(headings.filter((one) => (PHASES as readonly string[]).includes(one))).toEqual([
      ...PHASES,
    ])
  })

  it.each(PHASES)('%s: says all, and allows what the control plane allows', (phase) => {
    const section = page.split(`\n## ${phase}\n`)[1]!.split('\n## ')[0]!
    for (const part of ['What it means', 'Waits for', 'Users see', 'You may', 'Way back']) {
      expect(section).toContain(`**${part}.**`)
    }
    const line = section.split('\n').find((one) => one.startsWith('**You may.**'))!
    const named = [...line.matchAll(/`banyan ([a-z]+) wishes/g)].map(([, name]) => name!)
    const actions = ACTIONS.filter((one) => named.includes(one))
    expect(actions).toEqual(ACTIONS.filter((one) => ALLOWED[one].includes(phase)))
  })
})

interface Made {
  readonly from: Phase
  readonly to: Phase | null
}

/** Sorted, each once. */
async function changesOf(made: readonly Promise<Made>[]): Promise<string[]> {
  const found = (await Promise.all(made)).filter(({ from, to }) => to !== null && to !== from)
  return [...new Set(found.map(({ from, to }) => `${from} -> ${to}`))].sort()
}

/** Every decision in a phase, of every kind of extraction. */
function decisionsIn(from: Phase): Promise<Made>[] {
  return KINDS.flatMap((kind) =>
    ACTIONS.map(async (action) => ({ from, to: await decided(from, kind, action) })),
  )
}

/** An engine that looks at a phase: with nothing wanted and all well, with errors, and with each end asked for. */
function lookedAt(from: Phase): Promise<Made>[] {
  const ends = ACTIONS.filter((one) => one === 'complete' || one === 'cancel').filter((one) =>
    ALLOWED[one].includes(from),
  )
  const wishes = [[], ...ends.map((one) => [one])]
  return [1, 100].flatMap((goal) =>
    [false, true].flatMap((failing) =>
      wishes.map(async (wanted) => ({
        from,
        to: await phaseAfter(OF_ROUTES, from, { goal, failing, wanted }),
      })),
    ),
  )
}

/** Has nothing to wait for. */
const [OF_ROUTES] = resolvePlan({
  ...examplePlan(),
  extractions: [
    {
      ...{ kind: 'routes', name: 'things', service: { url: 'http://127.0.0.1:1' } },
      routes: [{ methods: [], path: '/things/*' }],
      ...{ shadow: { percent: 0 }, gates: { minimumRequests: 0 }, soakSeconds: 0 },
      steps: [1, 100].map((percent) => ({ percent, seconds: 0 })),
    },
  ],
}) as [ResolvedExtraction]

/** What a decision makes of the phase; null where it is refused, or leaves it to the engine. */
async function decided(phase: Phase, kind: Kind, action: Action): Promise<Phase | null> {
  const [resolved] = resolvePlan(examplePlan({ service: SERVICE }))
  const plan = { ...resolved!, kind } as ResolvedExtraction
  let to: Phase | null = null
  const row = { name: plan.name, phase, wanted: [], goal: 0, oldTables: {} } as unknown
  const store = {
    read: async () => row as ExtractionRow,
    change: async (_row: unknown, _token: unknown, change: { phase?: Phase }) => {
      to = change.phase ?? null
      return true
    },
  } as unknown as Store
  const request = { rowsPerSecond: 1, confirm: plan.name }
  await decide(store, plan, action, request).catch((error: Error) => {
    if (!(error instanceof BanyanError)) throw error
  })
  return to
}

/** Nothing listens there: `abandon` finds the target away. */
const SERVICE = { url: 'http://127.0.0.1:1', databaseUrl: 'postgres://u:p@127.0.0.1:1/gone' }

/** The phases of the Mermaid flowcharts behind a mark, and their arrows; those of a group are its members'. */
function drawn(markdown: string) {
  const charts = [...markdown.matchAll(/<!-- phases -->\n```mermaid\n([^`]+)```/g)]
  const all = charts.map(([, chart]) => readChart(chart!.split('\n').map((line) => line.trim())))
  return {
    names: new Set(all.flatMap(({ names }) => [...names.values()])),
    arrows: new Set(all.flatMap(({ arrows }) => arrows)),
  }
}

function readChart(lines: readonly string[]) {
  const names = new Map<string, string>()
  const groups = new Map<string, string[]>()
  const open: string[] = []
  const found: [string, string][] = []
  for (const line of lines.slice(1)) {
    const group = /^subgraph (\w+)/.exec(line)?.[1]
    const [, id, name] = /^(\w+)\(\["(.+)"\]\)$/.exec(line) ?? []
    const [, from, to] = /^(\w+) -->(?:\|[^|]+\|)? (\w+)$/.exec(line) ?? []
    if (group) {
      groups.set(group, [])
      open.push(group)
    } else if (line === 'end') open.pop()
    else if (id && name) {
      names.set(id, name)
      for (const one of open) groups.get(one)!.push(id)
    } else if (from && to) found.push([from, to])
    else if (line !== '') throw new Error(`not understood: ${line}`)
  }
  const named = (id: string) => (groups.get(id) ?? [id]).map((one) => names.get(one)!)
  const arrows = found.flatMap(([from, to]) =>
    named(from).flatMap((a) => named(to).flatMap((z) => (a === z ? [] : [`${a} -> ${z}`]))),
  )
  return { names, arrows }
}
