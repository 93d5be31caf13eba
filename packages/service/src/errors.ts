import { BanyanError, CATALOGUE } from '@banyan/contracts'

/** One entry of a service's own error catalogue; `{name}` in the detail is filled from the values. */
export interface ErrorEntry {
  readonly status: number
  readonly title: string
  readonly detail: string
}

/** What a failed request is told, before it is written down in a shape. */
export interface Failure {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  /** Whose catalogue the code is in: `banyan`, or the service. */
  readonly domain: string
  /** What the detail was filled with. */
  readonly values: Readonly<Record<string, unknown>>
  /** Each field that breaks its rule; only of `VALIDATION`. */
  readonly errors?: readonly FieldFault[]
}

export interface FieldFault {
  readonly in: string
  /** `address.street`; empty when it is the whole. */
  readonly path: string
  readonly message: string
}

/** A failure that a service names itself; made by what `defineErrors` answers. */
export class ServiceError extends Error {
  readonly failure: Failure

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.detail, options)
    this.name = 'ServiceError'
    this.failure = failure
  }
}

/**
 * A service's own errors, beside those of the common catalogue.
 *
 * @param domain the service's name; part of the problem's type: `urn:orders:error:sold_out`
 * @returns what makes one: `throw fail('SOLD_OUT', { left: 0 })`
 * @throws Error when a code is one of the common catalogue, or no HTTP error status belongs to it
 */
export function defineErrors<Code extends string>(
  domain: string,
  catalogue: Readonly<Record<Code, ErrorEntry>>,
): (code: Code, values?: Record<string, unknown>, options?: ErrorOptions) => ServiceError {
  for (const [code, { status }] of Object.entries<ErrorEntry>(catalogue)) {
    if (code in CATALOGUE) {
      throw new Error(`${domain}: error ${code} is in the common catalogue; choose another name`)
    }
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new Error(`${domain}: error ${code} has status ${status}; 400 to 599 are allowed`)
    }
  }
  return (code, values = {}, options) => {
    const { status, title, detail } = catalogue[code]
    const filled = detail.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? '?'))
    return new ServiceError({ status, code, title, detail: filled, domain, values }, options)
  }
}

/** 404 for a thing that is not there: `throw noSuch('order')`. */
export function noSuch(what: string): BanyanError {
  return new BanyanError('NOT_FOUND', { what })
}
