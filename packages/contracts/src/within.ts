/** What the work resolves to, or null when it takes longer than `ms`; what comes later is passed over. */
export async function within<T>(ms: number, work: Promise<T>): Promise<{ value: T } | null> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms)
  })
  const answered = work.then((value) => ({ value }))
  // It may fail after nobody waits for it any more.
  answered.catch(() => {})
  try {
    return await Promise.race([answered, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
