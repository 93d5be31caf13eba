/** The next 1, 2 or 5 with as many zeros as it needs. @param value above 0. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value) ?? value
}
