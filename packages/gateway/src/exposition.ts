/** A value with its labels; of a histogram or summary also what its name ends with. */
export type Sample = readonly [labels: Labels, value: number, suffix?: string]
export type Labels = Readonly<Record<string, string | number>>

/** What a figure of several processes is: `omit` means nothing of all of them. */
export type Across = 'sum' | 'min' | 'max' | 'average' | 'first' | 'omit'

/** Figures under one name. Plain data: a worker sends it to its primary. */
export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly across: Across
  readonly samples: readonly Sample[]
}

/**
 * Figures as Prometheus reads them (text format 0.0.4). Written here and not by prom-client: on the way of a
 * request its counters cost a look-up by the text of all labels, those of the gateway an addition.
 */
export class Exposition {
  readonly families: Family[] = []

  /** @param across what the figure of several workers is. */
  family(
    name: string,
    type: 'counter' | 'gauge' | 'histogram' | 'summary',
    help: string,
    samples: Iterable<Sample>,
    across: Across = 'sum',
  ): this {
    this.families.push({ name, type, help, across, samples: [...samples] })
    return this
  }
}

/** The page that is answered. */
export function textOf(families: readonly Family[]): string {
  let text = ''
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
    for (const [labels, value, suffix = ''] of samples) {
      text += `${name}${suffix}${labelsText(labels)} ${value}\n`
    }
  }
  return text
}

/** One page of several processes: figures with the same labels become one. */
export function combined(pages: readonly (readonly Family[])[]): Family[] {
  const names = new Map<string, Family[]>()
  for (const family of pages.flat()) {
    const alike = names.get(family.name)
    if (alike) alike.push(family)
    else names.set(family.name, [family])
  }
  return [...names.values()].flatMap((alike) => {
    const { across } = alike[0]!
    if (across === 'omit') return []
    const values = new Map<string, { sample: Sample; all: number[] }>()
    for (const sample of alike.flatMap(({ samples }) => samples)) {
      const key = `${sample[2] ?? ''}${labelsText(sample[0])}`
      const found = values.get(key)
      if (found) found.all.push(sample[1])
      else values.set(key, { sample, all: [sample[1]] })
    }
    const samples = [...values.values()].map(({ sample: [labels, , suffix], all }): Sample => {
      const value = ONE_OF[across](all)
      return suffix === undefined ? [labels, value] : [labels, value, suffix]
    })
    return [{ ...alike[0]!, samples }]
  })
}

const ONE_OF: Readonly<Record<Exclude<Across, 'omit'>, (all: readonly number[]) => number>> = {
  sum: (all) => all.reduce((sum, one) => sum + one, 0),
  min: (all) => Math.min(...all),
  max: (all) => Math.max(...all),
  average: (all) => all.reduce((sum, one) => sum + one, 0) / all.length,
  first: (all) => all[0]!,
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string | number): string {
  return String(value).replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`))
}
