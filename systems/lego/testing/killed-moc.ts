/** The MOC service, as a process that kills itself (SIGKILL) `CUT` a step, e.g. `after upload`, of one request's saga. */
import { CORRELATION_HEADER } from '@banyan/contracts'
import { runService } from '@banyan/service'
import definition from '../services/moc/service.ts'

const { CUT, CUT_REQUEST } = process.env

await runService({
  ...definition,
  sagas: (context) =>
    definition.sagas!(context).map((saga) => ({
      ...saga,
      steps: saga.steps.map((step) => ({
        ...step,
        run: async (given, tx) => {
          const reached = (cut: string) => {
            // Sagas that another was killed in go on here meanwhile.
            const mine = given.headers[CORRELATION_HEADER] === CUT_REQUEST
            if (mine && cut === CUT) process.kill(process.pid, 'SIGKILL')
          }
          reached(`before ${step.name}`)
          const output = await step.run(given, tx)
          reached(`after ${step.name}`)
          return output
        },
      })),
    })),
})
