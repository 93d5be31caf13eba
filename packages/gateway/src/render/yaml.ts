type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value }

/**
 * YAML of plain values, in blocks; text is quoted as JSON quotes it, which YAML reads alike.
 *
 * @param comments lines before the document.
 */
export function yamlOf(comments: readonly string[], documents: readonly object[]): string {
  const head = comments.map((line) => `# ${line}`.trimEnd())
  const bodies = documents.map((document) => block(plain(document), 0).join('\n'))
  return `${[...head, bodies.join('\n---\n')].join('\n')}\n`
}

/** Without members that are undefined. */
function plain(value: object): Value {
  return JSON.parse(JSON.stringify(value)) as Value
}

function block(value: Value, depth: number): string[] {
  const indent = '  '.repeat(depth)
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${indent}[]`]
    return value.flatMap((one: Value) => {
      if (isText(one)) return [`${indent}- |-`, ...literal(one, depth + 1)]
      const [first, ...rest] = block(one, depth + 1)
      return [`${indent}- ${first!.trimStart()}`, ...rest]
    })
  }
  if (typeof value !== 'object' || value === null) return [indent + scalar(value)]
  const entries = Object.entries(value)
  if (entries.length === 0) return [`${indent}{}`]
  return entries.flatMap(([key, member]) => {
    const name = `${indent}${/^[A-Za-z_][\w./-]*$/.test(key) ? key : JSON.stringify(key)}:`
    const isBlock = typeof member === 'object' && member !== null && Object.keys(member).length > 0
    if (isBlock) return [name, ...block(member, depth + 1)]
    if (isText(member)) return [`${name} |-`, ...literal(member, depth + 1)]
    return [`${name} ${block(member, 0).join('')}`]
  })
}

function isText(value: Value): value is string {
  return typeof value === 'string' && value.includes('\n')
}

function literal(text: string, depth: number): string[] {
  return text.split('\n').map((line) => (line === '' ? '' : '  '.repeat(depth) + line))
}

/** Words that YAML could take for something else are quoted; most are. */
function scalar(value: Value): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  const clear = /^[A-Za-z/][A-Za-z0-9_/.-]*$/.test(value)
  return clear && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value)
}
