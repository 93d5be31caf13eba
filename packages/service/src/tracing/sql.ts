import { AsyncLocalStorage } from 'node:async_hooks'
import type { Pool, PoolClient } from '@banyan/postgres'
import { SpanKind } from '@opentelemetry/api'
import { currentScope } from '../scope.ts'
import { endSpan, type Tracing } from './tracing.ts'

/** More of a statement than this is not sent, characters. */
const LONGEST_TEXT = 2_000

type Query = (...args: unknown[]) => unknown
type Callback = (error: unknown, ...rest: unknown[]) => unknown

/**
 * A span for each statement that is sent on behalf of something traced. Statements have their
 * parameters beside them, so that no value of a user's is in a span.
 */
export function traceStatements(pool: Pool, tracing: Tracing): void {
  if (!tracing.on) return
  // A request that waits for a connection is called back by whoever gives one free, in that one's scope.
  const connect = pool.connect.bind(pool) as (callback?: Callback) => unknown
  pool.connect = ((callback?: Callback) =>
    callback ? connect(AsyncLocalStorage.bind(callback)) : connect()) as Pool['connect']
  pool.on('connect', (client) => traceClient(client, tracing))
}

function traceClient(client: PoolClient, tracing: Tracing): void {
  const query = client.query.bind(client) as Query
  const traced: Query = (...args) => {
    const parent = currentScope()?.span
    if (!parent) return query(...args)
    const text = textOf(args[0])
    const operation = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? 'SQL'
    const span = tracing.start(operation, parent.spanContext(), {
      kind: SpanKind.CLIENT,
      attributes: {
        'db.system.name': 'postgresql',
        'db.operation.name': operation,
        'db.query.text': text.slice(0, LONGEST_TEXT),
      },
    })
    if (!span) return query(...args)
    const last = args.length - 1
    const callback = args[last]
    if (typeof callback === 'function') {
      args[last] = (error: unknown, ...rest: unknown[]) => {
        endSpan(span, error)
        return (callback as Callback)(error, ...rest)
      }
      return query(...args)
    }
    const result = query(...args)
    if (result instanceof Promise) {
      result.then(
        () => endSpan(span),
        (error) => endSpan(span, error),
      )
    } else span.end()
    return result
  }
  client.query = traced as PoolClient['query']
}

function textOf(query: unknown): string {
  if (typeof query === 'string') return query
  return String((query as { text?: unknown } | null)?.text ?? '')
}
