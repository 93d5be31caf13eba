import {
  type Attributes,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { rootCause } from '../failures.ts'
import { type Scope, withScope } from '../scope.ts'
import { withoutSecrets } from '../secrets.ts'

/** How long the spans that are left may take on their way out at the end, ms. */
const LAST_FLUSH_MS = 5_000

export interface SpanOptions {
  readonly kind: SpanKind
  readonly attributes?: Attributes
  /** Spans that it belongs to as well as to its parent: the senders of a batch. */
  readonly links?: Link[]
}

/** Makes spans; makes none, and costs nothing, when nobody collects them. */
export class Tracing {
  readonly #tracer: Tracer | null
  readonly #shutdown: () => Promise<void>

  private constructor(tracer: Tracer | null, shutdown: () => Promise<void>) {
    this.#tracer = tracer
    this.#shutdown = shutdown
  }

  /** @param endpoint of an OTLP collector over HTTP; without one the SDK is not even loaded */
  static async open(service: string, endpoint: string | undefined): Promise<Tracing> {
    if (endpoint === undefined) return new Tracing(null, async () => {})
    const [{ BasicTracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, resources] =
      await Promise.all([
        import('@opentelemetry/sdk-trace-base'),
        import('@opentelemetry/exporter-trace-otlp-http'),
        import('@opentelemetry/resources'),
      ])
    const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` })
    const provider = new BasicTracerProvider({
      resource: resources.resourceFromAttributes({ 'service.name': service }),
      spanProcessors: [new BatchSpanProcessor(exporter, { exportTimeoutMillis: LAST_FLUSH_MS })],
    })
    return new Tracing(provider.getTracer('@banyan/service'), () => provider.shutdown())
  }

  get on(): boolean {
    return this.#tracer !== null
  }

  /** A span beneath `parent`, or at the root of a new trace; null while tracing is off. */
  start(name: string, parent: SpanContext | null, options: SpanOptions): Span | null {
    if (!this.#tracer) return null
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT
    return this.#tracer.startSpan(name, options, context)
  }

  /** Runs `work` in a span of its own beneath the scope's, and in a scope that has it. */
  async within<T>(
    name: string,
    scope: Scope,
    options: SpanOptions,
    work: () => Promise<T>,
  ): Promise<T> {
    const span = this.start(name, scope.span?.spanContext() ?? scope.remote, options)
    if (!span) return withScope(scope, work)
    try {
      const result = await withScope({ ...scope, span }, work)
      endSpan(span)
      return result
    } catch (error) {
      endSpan(span, error)
      throw error
    }
  }

  /** Sends what is left. */
  async close(): Promise<void> {
    await this.#shutdown().catch(() => {})
  }
}

export function endSpan(span: Span, error?: unknown): void {
  if (error) {
    const message = withoutSecrets(rootCause(error).message)
    span.setStatus({ code: SpanStatusCode.ERROR, message })
  }
  span.end()
}
