/**
 * Receives traces (OTLP over HTTP) and shows them on a page, for a look at one request without a tracing system:
 * `npm run traces`, then OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 for every process.
 */
import { startCollector } from '@banyan/service/testing'
import { pageOf } from './observability/traces/page.ts'

/** OTLP's own. */
const PORT = 4318
/** More are forgotten, the oldest first. */
const KEPT_SPANS = 20_000

const { url } = await startCollector({ port: PORT, kept: KEPT_SPANS, page: pageOf })
console.log(`traces are taken and shown at ${url}`)
