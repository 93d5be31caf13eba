import { z } from 'zod'
import { defineSaga } from '../saga/definition.ts'

/** Two steps that write a row each: 1, 2. Undone they write -1, -2. */
export function defineParcelSaga(name: string) {
  return defineSaga({
    name,
    version: 1,
    input: z.object({ parcel: z.string() }),
    steps: (saga) =>
      saga
        .step('one', {
          transact: async ({ input }, tx) => {
            await tx.query('INSERT INTO public.effect (key, n) VALUES ($1, 1)', [input.parcel])
          },
          compensate: async ({ input }, tx) => {
            await tx.query('INSERT INTO public.effect (key, n) VALUES ($1, -1)', [input.parcel])
          },
        })
        .step('two', {
          transact: async ({ input }, tx) => {
            await tx.query('INSERT INTO public.effect (key, n) VALUES ($1, 2)', [input.parcel])
          },
        }),
  })
}
