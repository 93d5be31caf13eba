import type { Plan, TablesPlan } from '../plan.ts'

/** A plan of rows alone. */
export type PlanOfTables = Omit<Plan, 'extractions'> & {
  readonly extractions: readonly TablesPlan[]
}

/** A valid plan, to be changed by tests. */
export function examplePlan(change: Partial<TablesPlan> = {}): PlanOfTables {
  return {
    control: { databaseUrl: 'postgres://localhost/control', token: 'a-token-of-some-length' },
    monolith: { url: 'http://127.0.0.1:1', databaseUrl: 'postgres://localhost/source' },
    gateway: { port: 0, auth: { kind: 'none' }, identityKey: 'a-key-of-some-length' },
    extractions: [
      {
        name: 'things',
        service: { url: 'http://127.0.0.1:2', databaseUrl: 'postgres://localhost/target' },
        routes: [{ methods: [], path: '/things/*' }],
        tables: [{ source: 'public.thing', target: 'public.thing', owner: 'owner' }],
        ...change,
      },
    ],
  }
}
