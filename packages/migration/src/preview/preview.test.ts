import { createPool, EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PlanOfTables } from '../testing/example-plan.ts'
import { previewSteps, type StepPreview } from './index.ts'

describe('the preview of a plan', () => {
  let server: EmbeddedPostgres
  let plan: PlanOfTables
  beforeAll(async () => {
    server = await EmbeddedPostgres.start()
    const source = await server.createDatabase('monolith')
    const target = await server.createDatabase('service')
    for (const url of [source, target]) {
      const pool = createPool(url, { name: 'test' })
      await pool.query(
        'CREATE TABLE public.notes (id bigserial PRIMARY KEY, user_id text NOT NULL, body text)',
      )
      await pool.query(
        "INSERT INTO public.notes (user_id) SELECT 'u' FROM generate_series(1, 1200)",
      )
      await pool.query('ANALYZE public.notes')
      await pool.end()
    }
    plan = {
      control: { databaseUrl: server.url(), token: 'a-token-for-tests' },
      monolith: { url: 'http://127.0.0.1:1', databaseUrl: source },
      gateway: { port: 0, auth: { kind: 'none' }, identityKey: 'a-key-for-the-tests' },
      extractions: [
        {
          name: 'notes',
          service: { url: 'http://127.0.0.1:1', databaseUrl: target },
          routes: [{ methods: [], path: '/notes/*' }],
          tables: [{ source: 'public.notes', target: 'public.notes', owner: 'user_id' }],
          steps: [{ percent: 5, seconds: 60, next: 'manual' }, { percent: 100 }],
          gates: { errorRate: 0.02, lagMs: 750 },
          copyRowsPerSecond: 5000,
        },
      ],
    }
  })
  afterAll(() => server?.stop())

  const text = (steps: readonly StepPreview[], step: string) =>
    steps.find((one) => one.step === step)!.does.join('\n')

  it('goes through the steps that the engine takes, each with its way back', async () => {
    const steps = await previewSteps(plan, 'notes')
    expect(steps.map((one) => one.step.replace(/ \(instead.*/, ''))).toEqual([
      'install',
      'copy',
      'verify',
      'shadow 100 %',
      'canary 5 %',
      'cut over (100 %)',
      'soak',
      'complete',
      'cancel',
    ])
    for (const { step, does } of steps.slice(0, -1)) {
      expect(does.at(-1), step).toMatch(/^way back: /)
    }
  })

  it('names objects, rows and sequences as the databases have them', async () => {
    const steps = await previewSteps(plan, 'notes')
    expect(text(steps, 'install')).toContain('publication and slot banyan_notes_reverse')
    expect(text(steps, 'install')).toContain('sequences public.notes_id_seq (monolith)')
    expect(text(steps, 'copy')).toContain('about 1,200 rows')
    expect(text(steps, 'copy')).toContain('at most 5,000 rows/s')
  })

  it('says each gate in numbers, with defaults filled in', async () => {
    const canary = text(await previewSteps(plan, 'notes'), 'canary 5 %')
    for (const part of [
      '51 of 1,024 buckets',
      '60 s and 50 requests',
      'more than 2 %',
      '750 ms',
      'banyan promote',
    ]) {
      expect(canary).toContain(part)
    }
  })

  it('leaves the shadow out when the plan turns it off', async () => {
    const [extraction] = plan.extractions
    const steps = await previewSteps(
      { ...plan, extractions: [{ ...extraction!, shadow: { percent: 0 } }] },
      'notes',
    )
    expect(steps.some((one) => one.step.startsWith('shadow'))).toBe(false)
  })

  it('does without the databases, and says so', async () => {
    const [extraction] = plan.extractions
    const away = 'postgres://u:p@127.0.0.1:1/gone'
    const steps = await previewSteps(
      {
        ...plan,
        monolith: { ...plan.monolith, databaseUrl: away },
        extractions: [{ ...extraction!, service: { ...extraction!.service, databaseUrl: away } }],
      },
      'notes',
    )
    expect(text(steps, 'copy')).toContain('database not reached')
    expect(text(steps, 'install')).toContain('names unknown')
  })
})
