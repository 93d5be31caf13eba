import { EmbeddedPostgres } from '@banyan/postgres'
import { type TripReport, typeTrip } from '@banyan/replication/type-trip'

/** With the hundred kinds of columns there are: more than 100,000 values. */
const VALUES_PER_TYPE = 1_000
const LEAST = { types: 60, values: 100_000 }

/** Values of every type from a source to a target and, written anew there, back; octets compared. */
export async function proveTypes(seed: number): Promise<{ report: TripReport; good: boolean }> {
  const server = await EmbeddedPostgres.start()
  try {
    const began = Date.now()
    const report = await typeTrip({
      server,
      seed,
      valuesPerType: VALUES_PER_TYPE,
      print: (line) => console.log(line),
    })
    const { types, values, mismatches, unavailable } = report
    console.log(
      `${types} types, ${values.toLocaleString('en')} values, ${mismatches} mismatches; ` +
        `seed ${seed}, ${Math.round((Date.now() - began) / 1000)} s` +
        (unavailable.length > 0 ? `; not on this server: ${unavailable.join(', ')}` : ''),
    )
    const good = mismatches === 0 && types >= LEAST.types && values >= LEAST.values
    return { report, good }
  } finally {
    await server.stop()
  }
}
