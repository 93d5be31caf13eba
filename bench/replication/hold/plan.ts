import { definePlan } from '@banyan/migration'

// The move that is handed back and forth: nothing is shadowed and no gate ends a step, so that the
// handovers are those that are asked for.

const given = (name: string): string => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set; this plan is started by the benchmark`)
  return value
}

export default definePlan({
  control: {
    databaseUrl: given('BENCH_CONTROL_DATABASE'),
    port: Number(given('BENCH_CONTROL_PORT')),
    token: given('BENCH_TOKEN'),
  },
  monolith: { url: given('BENCH_MONOLITH'), databaseUrl: given('BENCH_SOURCE_DATABASE') },
  gateway: {
    port: Number(given('BENCH_GATEWAY_PORT')),
    identityKey: given('BENCH_TOKEN'),
    auth: { kind: 'header', name: 'x-subject' },
  },
  extractions: [
    {
      name: 'notes',
      service: { url: given('BENCH_SERVICE'), databaseUrl: given('BENCH_TARGET_DATABASE') },
      routes: [{ methods: [], path: '/notes/*' }],
      tables: [{ source: 'public.note', target: 'public.note', owner: 'owner' }],
      steps: [
        { percent: 1, seconds: 86_400, next: 'manual' },
        { percent: 100, seconds: 86_400, next: 'manual' },
      ],
      gates: { minimumRequests: 0, latencyRatio: 1_000_000 },
      shadow: { percent: 0 },
    },
  ],
})
