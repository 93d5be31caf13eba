/** Runs an actor until its cut kills the process; prints the statements it sent when it comes through. */
import { createPool } from '@banyan/postgres'
import { openDurable } from '../durable.ts'
import { type CutActor, Cutter } from './cuts.ts'

const [module, url, cut] = process.argv.slice(2) as [string, string, string]
const { default: actor } = (await import(module)) as { default: CutActor }
// One connection: statements come in one order only.
const pool = createPool(url, { name: 'cut', max: 1 })
const cutter = new Cutter(pool)
const durable = await openDurable(pool, actor.options)
cutter.arm(Number(cut))
await actor.run(durable)
process.stdout.write(JSON.stringify(cutter.sent))
await durable.close()
await pool.end()
