import type { RouteRule } from '@banyan/contracts'
import type { Router } from 'express'
import { apiRoutes } from './monolith/app.ts'
import { connect } from './monolith/db/connect.ts'
import { Tallies } from './monolith/services/tallies.ts'

/** One route of the monolith, as its own router has it: `GET`, `/api/mocs/:id`. */
interface MonolithRoute {
  readonly method: string
  readonly path: string
}

/** What the monolith answers under /api; read off its routers, so that a new route of it is among them. */
function monolithRoutes(): MonolithRoute[] {
  // Connects when it is first asked something, which it is not.
  const { db } = connect('postgres://127.0.0.1/nowhere')
  const services = { storage: null, processing: null, tallies: new Tallies() }
  return apiRoutes(db, services, { FILES_FOLDER: '/nowhere' }).flatMap(([mount, router]) =>
    routesOf(mount, router),
  )
}

function routesOf(mount: string, router: Router): MonolithRoute[] {
  return router.stack.flatMap(({ route }) => {
    if (!route) return []
    const methods = new Set(route.stack.map((layer) => layer.method.toUpperCase()))
    const path = route.path === '/' ? mount : mount + route.path
    return [...methods].map((method) => ({ method, path }))
  })
}

/** Routes of the monolith that none of these rules sends elsewhere: while there is one, it is not retired. */
export function routesLeft(rules: readonly RouteRule[]): string[] {
  return monolithRoutes()
    .filter((route) => !rules.some((rule) => covers(rule, route)))
    .map(({ method, path }) => `${method} ${path}`)
}

function covers({ methods, path }: RouteRule, route: MonolithRoute): boolean {
  if (methods.length > 0 && !methods.includes(route.method)) return false
  const below = path.endsWith('/*')
  const pattern = (below ? path.slice(0, -2) : path).split('/')
  const segments = route.path.split('/')
  if (below ? segments.length <= pattern.length : segments.length !== pattern.length) return false
  return pattern.every((one, i) => one.startsWith(':') || one === segments[i])
}
