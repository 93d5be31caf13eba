import { BanyanError, type RouteTable } from '@banyan/contracts'
import type { Gateways } from './gateways.ts'
import type { Ledger } from './ledger.ts'
import type { RetireRequest } from './requests.ts'
import type { Retirement } from './status.ts'
import type { Store } from './store.ts'

/** What the ledger knows a decision about the monolith as a whole by. */
const MONOLITH = 'monolith'

/**
 * From now on the gateways send nothing to the monolith, or do so again. What matches no route is answered 404 by
 * them; requests of nobody known are answered by the service whose route it is.
 *
 * @throws BanyanError RETIRE_REFUSED while an extraction is not completed.
 */
export async function retireMonolith(
  { store, ledger, gateways }: { store: Store; ledger: Ledger; gateways: Gateways },
  { undo = false, by = 'unknown', why }: RetireRequest,
): Promise<Retirement> {
  const left = (await store.readAll()).filter(({ phase }) => phase !== 'completed')
  if (!undo && left.length > 0) {
    const reason = left.map(({ name, phase }) => `${name} is ${phase}`).join(', ')
    throw new BanyanError('RETIRE_REFUSED', { reason: `${reason}; completed are needed` })
  }
  const detail = { by, ...(why === undefined ? {} : { why }) }
  const what = undo ? 'retire undone' : 'retire'
  await ledger.append(MONOLITH, null, [{ kind: 'decision', what, detail }])
  const change = ({ retired: _, ...table }: RouteTable): RouteTable =>
    undo ? table : { ...table, retired: true }
  const { why: behind } = await gateways.publish(await gateways.term(), MONOLITH, change, {
    drainMs: 0,
    outlast: false,
  })
  return { retired: !undo, behind }
}

/** @throws BanyanError MONOLITH_RETIRED: what begins needs a monolith that is asked. */
export async function refuseWhenRetired(gateways: Gateways, extraction: string): Promise<void> {
  if ((await gateways.table())?.retired) throw new BanyanError('MONOLITH_RETIRED', { extraction })
}
