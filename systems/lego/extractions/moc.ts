import type { TablesPlan } from '@banyan/migration'
import { mocTables } from './mappings.ts'
import { conditions, serviceAt } from './settings.ts'

const rewrite = { from: '/api/mocs', to: '/v1/mocs' }

export const moc: TablesPlan = {
  name: 'moc',
  service: serviceAt('moc', 9100),
  routes: [
    { methods: [], path: '/api/mocs', rewrite },
    { methods: [], path: '/api/mocs/*', rewrite },
  ],
  tables: mocTables,
  ...conditions,
}
