/** A worker of the tests: its settings stand in the file that is its argument. */
import { readFile } from 'node:fs/promises'
import { BanyanError } from '@banyan/contracts'
import { createGateway, WorkerLink, type WorkerSettings } from '../../index.ts'

// None is to judge by itself because the machine is slow: what they let pass together is to be seen.
const link = (await WorkerLink.open(30_000))!
try {
  const settings =
    link.settings ?? (JSON.parse(await readFile(process.argv[2]!, 'utf8')) as WorkerSettings)
  const gateway = createGateway(link.optionsFor(settings))
  await gateway.listen()
  link.serves(gateway, settings)
  await gateway.close(await link.leaving)
  await link.ended()
} catch (error) {
  const reason = (error as Error).message
  await link.failed(new BanyanError('BAD_PLAN', { where: 'gateway', reason }).toProblem())
}
process.exit()
