import type { TablesPlan } from '@banyan/migration'
import { conditions, serviceAt } from './settings.ts'

const rewrite = { from: '/api/users', to: '/v1/users' }

export const profile: TablesPlan = {
  name: 'profile',
  service: serviceAt('profile', 9300),
  routes: [
    { methods: [], path: '/api/users/me', rewrite },
    { methods: [], path: '/api/users/:id', rewrite, owner: { from: 'path', name: 'id' } },
    {
      methods: ['GET'],
      path: '/api/users/:id/public',
      rewrite,
      owner: { from: 'path', name: 'id' },
    },
  ],
  tables: [{ source: 'public.user_profiles', target: 'profile.profiles', owner: 'user_id' }],
  ...conditions,
}
