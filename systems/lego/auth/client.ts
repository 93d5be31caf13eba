import { defineApi } from '@banyan/service'
import { z } from 'zod'

const UserId = z.string().min(1).max(200)

/** What the Auth Service tells other services, and nobody else: which users there are. */
export const authApi = defineApi({
  name: 'auth',
  prefix: '/internal/v1/users',
  routes: {
    getUser: {
      method: 'GET',
      path: '/:id',
      params: z.object({ id: UserId }),
      response: { 200: z.object({ id: z.string() }) },
      callers: ['profile'],
    },
    /** Which of these there are, in no order. */
    knownUsers: {
      method: 'POST',
      path: '/known',
      body: z.object({ ids: z.array(UserId).max(1_000) }),
      response: { 200: z.object({ known: z.array(z.string()) }) },
      callers: ['profile'],
      idempotent: true,
    },
  },
})
