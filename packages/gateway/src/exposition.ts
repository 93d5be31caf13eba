/** A value with its labels; of a histogram or summary also what its name ends with. */
export type Sample = readonly [labels: Labels, value: number, suffix?: string]
export type Labels = Readonly<Record<string, string | number>>

/**
 * Figures as Prometheus reads them (text format 0.0.4). Written here and not by prom-client: on the way of a
 * request its counters cost a look-up by the text of all labels, those of the gateway an addition.
 */
export class Exposition {
  #text = ''

  family(
    name: string,
    type: 'counter' | 'gauge' | 'histogram' | 'summary',
    help: string,
    samples: Iterable<Sample>,
  ): this {
    let lines = ''
    for (const [labels, value, suffix = ''] of samples) {
      lines += `${name}${suffix}${textOf(labels)} ${value}\n`
    }
    if (lines !== '') this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`
    return this
  }

  toString(): string {
    return this.#text
  }
}

function textOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string | number): string {
  return String(value).replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`))
}
