import { defineService, runService } from '@banyan/service'
import { z } from 'zod'

const greeter = defineService({
  name: 'greeter',
  port: 9700,
  title: 'Greeter',
  config: z.object({ GREETING: z.string().default('Hello') }),
  routes: {
    '/v1/greetings': (app, { config }) => {
      const Greeting = z.object({ text: z.string() })
      app.get('/', { schema: { response: { 200: Greeting } } }, ({ user }) => ({
        text: `${config.GREETING}, ${user.userId}`,
      }))
    },
  },
})

await runService(greeter)
