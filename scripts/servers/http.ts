/** Asks for a page of a server on this machine. @throws while it does not answer with what is expected. */
export async function answers(url: string, expected: (text: string) => boolean): Promise<void> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  const text = await answer.text()
  if (!expected(text)) throw new Error(`${url}: ${answer.status} ${text.slice(0, 200)}`)
}
