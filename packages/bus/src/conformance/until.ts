import { setTimeout as delay } from 'node:timers/promises'

/** How long a case waits, ms, for what a broker that was killed or a member that died holds up. */
const PATIENCE_MS = 90_000

/** Waits until `check` answers something true. @throws an Error that says what was waited for. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  state: () => string = () => '',
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what} ${state()}`)
    await delay(15)
  }
}

/** Does it again until it succeeds, as a caller of `publish` does. */
export async function insist(what: string, work: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await work()
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`, { cause })
      await delay(100)
    }
  }
}
