import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A span as it goes over the wire (OTLP, JSON). */
export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
  readonly status: { readonly code?: number; readonly message?: string }
  /** ns since 1970, in text. */
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  /** The process that made it: `service.name` of its resource. */
  readonly service: string
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: {
      readonly attributes: readonly {
        readonly key: string
        readonly value: { stringValue?: string }
      }[]
    }
    readonly scopeSpans: readonly { readonly spans: readonly Omit<CollectedSpan, 'service'>[] }[]
  }[]
}

export interface CollectorOptions {
  /** A free one by default. */
  readonly port?: number
  /** Spans it remembers at most, the newest; all by default. */
  readonly kept?: number
  /** What a browser is answered. */
  readonly page?: (spans: readonly CollectedSpan[]) => string
}

/** An OpenTelemetry collector that remembers what it was sent. */
export async function startCollector({ port = 0, kept, page }: CollectorOptions = {}) {
  const spans: CollectedSpan[] = []
  const server = createServer(async (request, response) => {
    if (page && request.method === 'GET') {
      response.setHeader('content-type', 'text/html').end(page(spans))
      return
    }
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const sent = JSON.parse(Buffer.concat(chunks).toString()) as Export
    for (const { resource, scopeSpans } of sent.resourceSpans) {
      const name = resource.attributes.find(({ key }) => key === 'service.name')
      const service = name?.value.stringValue ?? ''
      for (const scope of scopeSpans) {
        spans.push(...scope.spans.map((span) => ({ ...span, service })))
      }
    }
    if (kept !== undefined) spans.splice(0, spans.length - kept)
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    spans,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
