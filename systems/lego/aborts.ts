import pg from 'pg'
import { STEPS } from './faults.ts'

/** Handover attempts that were aborted cleanly: the old owner owns, and it is tried again. */
export interface Aborts {
  readonly total: number
  readonly byStep: Readonly<Record<string, number>>
  /** Writers were held for as long as the plan allows, and the step was not done. */
  readonly budgetSpent: number
  /** A gateway did not answer in a hold. */
  readonly gatewayVanished: number
}

const BUDGET_SPENT =
  /requests were still in flight|the hold budget was spent|did not arrive in time/
const GATEWAY_VANISHED = /^gateway "/

export const NO_ABORTS: Aborts = { total: 0, byStep: {}, budgetSpent: 0, gatewayVanished: 0 }

/** Reads them from the ledger. */
export async function abortsOf(controlUrl: string): Promise<Aborts> {
  const client = new pg.Client({ connectionString: controlUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ step: string; why: string }>(
      `SELECT detail ->> 'step' AS step, detail ->> 'why' AS why
         FROM banyan_control.ledger WHERE what = 'handover aborted'`,
    )
    const count = (is: (row: { step: string; why: string }) => boolean) => rows.filter(is).length
    const inHold = rows.filter(({ step }) => step === 'hold')
    return {
      total: rows.length,
      byStep: Object.fromEntries(
        ['ready', ...STEPS].map((step) => [step, count((row) => row.step === step)]),
      ),
      budgetSpent: count(({ why }) => BUDGET_SPENT.test(why)),
      gatewayVanished: inHold.filter(({ why }) => GATEWAY_VANISHED.test(why)).length,
    }
  } finally {
    await client.end()
  }
}

export function addAborts(a: Aborts, b: Aborts): Aborts {
  const steps = [...new Set([...Object.keys(a.byStep), ...Object.keys(b.byStep)])]
  return {
    total: a.total + b.total,
    byStep: Object.fromEntries(
      steps.map((step) => [step, (a.byStep[step] ?? 0) + (b.byStep[step] ?? 0)]),
    ),
    budgetSpent: a.budgetSpent + b.budgetSpent,
    gatewayVanished: a.gatewayVanished + b.gatewayVanished,
  }
}
