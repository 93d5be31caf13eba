import { consumerContract, verifyContracts } from '@banyan/service/contract-testing'
import { stockApi } from './stock.ts'

/** What the shop relies on; in a test of the shop. `keep` writes, or compares, `shop-stock.json`. */
export async function shopRelies(folder: URL) {
  const contract = consumerContract(stockApi, { consumer: 'shop', folder })
  await contract.expect({
    given: 'there are lamps',
    route: 'getItem',
    args: { params: { id: 'lamp' } },
    answer: { status: 200, body: { id: 'lamp', left: 1, askedFor: 'ada by shop' } },
  })
  await contract.keep()
}

/** Whether the stock keeps to it; in a test of the stock, which runs at `baseUrl`. */
export function stockKeeps(folder: URL, baseUrl: string, headers: () => Record<string, string>) {
  return verifyContracts({
    provider: 'stock',
    baseUrl,
    pacts: [new URL('shop-stock.json', folder)],
    states: { 'there are lamps': () => {} },
    headers,
  })
}
