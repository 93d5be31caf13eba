const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

export function number(value: number): string {
  return whole.format(value)
}

/** `0.4`, `12.5`, `130`: as much as can be read at a glance. */
export function figure(value: number): string {
  return value >= 100 ? whole.format(value) : short.format(value)
}

export function percent(value: number): string {
  return `${short.format(value)} %`
}

export function ms(value: number | null): string {
  if (value === null) return '–'
  return value >= 10_000 ? `${short.format(value / 1000)} s` : `${figure(value)} ms`
}

export function bytes(value: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let size = value
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 ? whole.format(size) : short.format(size)} ${units[unit]}`
}

/** `8 s`, `3 min`, `2 h 5 min`, `4 d`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ''}`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
  return `${Math.floor(s / 86_400)} d`
}

export function clock(at: string | number): string {
  return new Date(at).toLocaleTimeString('en-GB')
}

/** With the day, where it is not today. */
export function moment(at: string): string {
  const date = new Date(at)
  const today = date.toDateString() === new Date().toDateString()
  return today ? clock(at) : `${date.toLocaleDateString('en-CA')} ${clock(at)}`
}
