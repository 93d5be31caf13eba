import { type DocumentedPath, headOf, personIn } from './openapi.ts'

/** A route as the plan has it. */
export interface ProposedRoute {
  /** Empty: any. */
  readonly methods: readonly string[]
  readonly path: string
  /** Parameter of the path that says whose row it is about; null: whoever asks. */
  readonly owner: string | null
}

/**
 * Routes that cover the given paths and no other of the document: the beginning that they share and all below it,
 * where nothing else is there, else each path as it stands.
 */
export function routesFor(
  own: readonly DocumentedPath[],
  all: readonly DocumentedPath[],
): ProposedRoute[] {
  const heads = new Map<string, DocumentedPath[]>()
  for (const path of own) {
    const head = headOf(path.path)
    heads.set(head, [...(heads.get(head) ?? []), path])
  }
  return [...heads].flatMap(([head, paths]) => {
    const inside = all.filter(({ path }) => path === head || path.startsWith(`${head}/`))
    const alone = inside.every((one) => own.includes(one))
    const personal = paths.some(({ path }) => personIn(path) !== null)
    if (alone && !personal) return whole(head, paths)
    return paths.map(({ path, methods }) => ({ path, methods, owner: personIn(path) }))
  })
}

function whole(head: string, paths: readonly DocumentedPath[]): ProposedRoute[] {
  const ends = [
    ...(paths.some(({ path }) => path === head) ? [head] : []),
    ...(paths.some(({ path }) => path !== head) ? [`${head}/*`] : []),
  ]
  return ends.map((path) => ({ methods: [], path, owner: null }))
}
