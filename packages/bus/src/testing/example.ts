import { Bus, defineEvent, openPostgresTransport } from '@banyan/bus'
import { openDurable } from '@banyan/durable'
import { createPool, transaction } from '@banyan/postgres'
import { z } from 'zod'

// events.ts of the service that says it; others import it.
export const OrderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  payload: z.object({ orderId: z.string(), total: z.number().int() }),
})

/** Each service has a database of its own; the bus has a schema in any database that all of them reach. */
export async function main(ordersUrl: string, billingUrl: string, busUrl: string): Promise<number> {
  // What wants to hear of orders:
  const billing = createPool(billingUrl, { name: 'billing' })
  await billing.query('CREATE TABLE public.invoice (order_id text PRIMARY KEY, total int)')
  const billingDurable = await openDurable(billing)
  const billingBus = new Bus({
    source: 'billing',
    durable: billingDurable,
    transport: await openPostgresTransport({ url: busUrl }),
    publishes: [],
  })
  const invoiced = new Promise<number>((resolve) => {
    billingBus.subscribe({
      consumer: 'billing.invoices',
      events: [OrderPlaced],
      // Written through `tx`, the invoice commits with the record that the event was handled: once.
      handler: async ({ payload }, { tx }) => {
        const { orderId, total } = payload
        await tx.query('INSERT INTO public.invoice VALUES ($1, $2)', [orderId, total])
        resolve(total)
      },
    })
  })
  await billingBus.start()

  // What takes orders:
  const orders = createPool(ordersUrl, { name: 'orders' })
  await orders.query('CREATE TABLE public.placed (order_id text PRIMARY KEY)')
  const ordersDurable = await openDurable(orders)
  const ordersBus = new Bus({
    source: 'orders',
    durable: ordersDurable,
    transport: await openPostgresTransport({ url: busUrl }),
    publishes: [OrderPlaced],
  })
  await ordersBus.start()
  await transaction(orders, async (tx) => {
    await tx.query('INSERT INTO public.placed VALUES ($1)', ['o-1'])
    // Commits with the order, or neither does.
    await ordersBus.publish(tx, OrderPlaced.of({ orderId: 'o-1', total: 700 }), { key: 'o-1' })
  })

  const total = await invoiced
  await Promise.all([ordersBus.stop(), billingBus.stop()])
  await Promise.all([ordersDurable.close(), billingDurable.close()])
  await Promise.all([orders.end(), billing.end()])
  return total
}
