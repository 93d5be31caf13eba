/**
 * Stands for BrickLink's store API: its price guide, with its signature, its limits, and its habits.
 *
 *     PORT=9950 node --import tsx stand-ins/bricklink/main.ts
 *
 * The keys are `stand-in-consumer`, `stand-in-consumer-secret`, `stand-in-token` and
 * `stand-in-token-secret`. `GET /seen` says what was asked; `PUT /habits` changes how it answers.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { whyRefused } from './signature.ts'

const KEYS = {
  consumerKey: 'stand-in-consumer',
  consumerSecret: 'stand-in-consumer-secret',
  token: 'stand-in-token',
  tokenSecret: 'stand-in-token-secret',
}
/** More at once get the page in HTML. */
const AT_ONCE = 5
const PRICE =
  /^\/api\/store\/v1\/items\/(PART|SET|MINIFIG|BOOK|GEAR|CATALOG|INSTRUCTION|ORIGINAL_BOX)\/([^/]+)\/price$/i

const Habits = z.strictObject({
  callsPerDay: z.int().min(0).default(5_000),
  /** For each answer, ms. */
  answerMs: z.int().min(0).default(5),
  /** So many answers to come are the page in HTML, whatever is asked. */
  sick: z.int().min(0).default(0),
  /** Instead of the usual one: by number and colour, e.g. `3001 5`. */
  prices: z
    .record(z.string(), z.object({ average: z.string(), offers: z.array(z.int()) }))
    .default({}),
})
let habits = Habits.parse({})

const today = () => new Date().toISOString().slice(0, 10)
/** Calls of a day (UTC), refused signatures and pages in HTML left out. */
let counted = { day: today(), calls: 0 }
let asked: string[] = []
let atOnce = 0
let mostAtOnce = 0

const server = createServer((request, response) => {
  serve(request, response).catch((error: unknown) => {
    answer(response, 400, { error: String(error) })
  })
})
server.listen(Number(process.env.PORT ?? 9950), '127.0.0.1', () => {
  console.log(JSON.stringify({ event: 'listening', port: (server.address() as AddressInfo).port }))
})
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url!, `http://${request.headers.host}`)
  if (url.pathname === '/seen') {
    answer(response, 200, { ...counted, asked, mostAtOnce })
    return
  }
  if (url.pathname === '/habits' && request.method === 'PUT') {
    habits = Habits.parse(JSON.parse(await bodyOf(request)))
    counted = { day: today(), calls: 0 }
    asked = []
    mostAtOnce = 0
    answer(response, 200, habits)
    return
  }
  mostAtOnce = Math.max(mostAtOnce, ++atOnce)
  try {
    if (atOnce > AT_ONCE || habits.sick > 0) {
      habits.sick = Math.max(0, habits.sick - 1)
      busy(response)
    } else {
      // Answers that are not given yet do not keep it from ending.
      await delay(habits.answerMs, undefined, { ref: false })
      answer(response, 200, envelopeOf(request, url))
    }
  } finally {
    atOnce--
  }
}

/** What is answered 200: all but the page in HTML. Failures have their code within. */
function envelopeOf(request: IncomingMessage, url: URL): object {
  const refused = whyRefused(request.method!, url, request.headers.authorization, KEYS)
  if (refused) return failure(401, 'BAD_OAUTH_REQUEST', refused)
  if (counted.day !== today()) counted = { day: today(), calls: 0 }
  if (counted.calls >= habits.callsPerDay) return failure(429, 'TOO_MANY_REQUESTS', 'daily limit')
  counted.calls++
  const [, type, no] = PRICE.exec(url.pathname) ?? []
  if (!type || !no) return failure(404, 'RESOURCE_NOT_FOUND', url.pathname)
  const name = `${decodeURIComponent(no)} ${url.searchParams.get('color_id') ?? 0}`
  asked.push(`${type} ${name} ${url.searchParams.get('new_or_used')}`)
  if (name.startsWith('unknown')) return failure(404, 'RESOURCE_NOT_FOUND', name)
  const data = guide(type.toUpperCase(), decodeURIComponent(no), name, url.searchParams)
  return { meta: { code: 200, message: 'OK', description: 'OK' }, data }
}

function failure(code: number, message: string, description: string): object {
  return { meta: { code, message, description }, data: {} }
}

/** A price that is always the same of the same thing, from 0.0100 to 5.0099. */
function guide(type: string, no: string, name: string, query: URLSearchParams) {
  const digest = createHash('sha256').update(name).digest()
  const usual = 100 + (digest.readUInt16BE(0) % 50_000)
  const { average, offers } = habits.prices[name] ?? {
    average: amount(usual),
    offers: [10, 20, 30],
  }
  return {
    item: { no, type },
    new_or_used: query.get('new_or_used') ?? 'N',
    currency_code: query.get('currency_code') ?? 'USD',
    min_price: average,
    max_price: average,
    avg_price: average,
    qty_avg_price: average,
    unit_quantity: offers.length,
    total_quantity: offers.reduce((sum, one) => sum + one, 0),
    price_detail: offers.map((quantity, n) => ({
      // As BrickLink spells it, beside the right one or instead of it.
      ...(n === 0 ? { quantity, qunatity: quantity } : { qunatity: quantity }),
      unit_price: average,
      shipping_available: true,
    })),
  }
}

function amount(tenThousandths: number): string {
  const digits = String(tenThousandths).padStart(5, '0')
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of request) text += piece
  return text
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json;charset=UTF-8' })
  response.end(JSON.stringify(body))
}

/** What bursts are answered. */
function busy(response: ServerResponse): void {
  response.writeHead(503, { 'content-type': 'text/html' })
  response.end('<html><head><title>503 Service Unavailable</title></head><body>Busy</body></html>')
}
