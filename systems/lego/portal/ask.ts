import { z } from 'zod'

/** How long a service may take to answer, ms. */
const ANSWER_MS = 2_000

/** @throws when it does not answer 200 in time, or more than so many bytes */
export async function readText(url: string, largestBytes: number): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' })
  if (!answer.ok) throw new Error(`answered ${answer.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    if (size > largestBytes) throw new Error(`is larger than ${largestBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Why a service could not be asked, in words that follow its name. */
export function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) return 'is no OpenAPI 3 document'
  if (error instanceof SyntaxError) return 'is no JSON'
  const { name, message } = error as Error
  if (name === 'TimeoutError') return `did not answer within ${ANSWER_MS} ms`
  // What undici says of a socket is in the cause, and nothing the reader can use.
  return message === 'fetch failed' ? 'cannot be reached' : message
}
