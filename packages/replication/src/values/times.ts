import { between, chance, pick, type Random } from './random.ts'

const two = (value: number) => String(value).padStart(2, '0')

/** Days that exist in every month; years up to `mostYear`, before Christ too. */
export function date(random: Random, mostYear = 5_874_897): string {
  if (chance(random, 0.08)) return pick(random, ['infinity', '-infinity'])
  if (chance(random, 0.05)) {
    return pick(random, [
      '4714-11-24 BC',
      '0001-01-01',
      '0001-12-31 BC',
      '2000-02-29',
      '1970-01-01',
    ])
  }
  const [day, era] = dayOf(random, mostYear)
  return `${day}${era}`
}

function dayOf(random: Random, mostYear: number): [string, string] {
  const past = chance(random, 0.15)
  const year = past
    ? between(random, 1, 4_713)
    : chance(random, 0.15)
      ? between(random, 1, mostYear - 1)
      : between(random, 1_900, 2_100)
  const day = `${String(year).padStart(4, '0')}-${two(between(random, 1, 12))}-${two(between(random, 1, 28))}`
  return [day, past ? ' BC' : '']
}

function clock(random: Random): string {
  const fraction = chance(random, 0.6)
    ? `.${String(between(random, 1, 999_999)).padStart(6, '0')}`
    : ''
  return `${two(between(random, 0, 23))}:${two(between(random, 0, 59))}:${two(between(random, 0, 59))}${fraction}`
}

export function time(random: Random): string {
  return chance(random, 0.1)
    ? pick(random, ['00:00:00', '24:00:00', '23:59:59.999999', '23:59:60'])
    : clock(random)
}

function offset(random: Random): string {
  const hours = `${pick(random, ['+', '-'])}${two(between(random, 0, 15))}`
  return pick(random, [hours, `${hours}:${two(between(random, 0, 59))}`, `${hours}:30:15`])
}

export function timeWithZone(random: Random): string {
  return `${time(random)}${offset(random)}`
}

/** Microseconds, infinities, years before Christ and far ahead. */
export function timestamp(random: Random, zone = false): string {
  if (chance(random, 0.08)) return pick(random, ['infinity', '-infinity'])
  if (chance(random, 0.03)) {
    return zone
      ? pick(random, ['4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.999999+00'])
      : pick(random, ['4714-11-24 00:00:00 BC', '294276-12-31 23:59:59.999999'])
  }
  const [day, era] = dayOf(random, 294_276)
  return `${day} ${chance(random, 0.05) ? '24:00:00' : clock(random)}${zone ? offset(random) : ''}${era}`
}

/** Months, days and microseconds each with a sign of its own. */
export function interval(random: Random): string {
  if (chance(random, 0.05)) {
    return pick(random, [
      '0',
      '-178000000 years',
      '178000000 years',
      '2147483647 days',
      '1 mon',
      '30 days',
    ])
  }
  const sign = () => pick(random, ['', '-'])
  const size = pick(random, [3, 40, 2_000])
  return [
    chance(random, 0.6) ? `${sign()}${between(random, 0, size)} mons` : '',
    chance(random, 0.6) ? `${sign()}${between(random, 0, size)} days` : '',
    `${sign()}${clock(random)}`,
  ].join(' ')
}
