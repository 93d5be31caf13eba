import { failureOf } from './failure.ts'
import { headersWith, refusal } from './request.ts'

export interface Uploading {
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
  /** Called with the share that has left, 0 to 1. */
  onProgress?(share: number): void
}

/**
 * Sends a form with files. `fetch` does not say how far it has come; this does.
 *
 * @throws Failure; a DOMException named AbortError when `signal` asked for it
 */
export function upload<T>(path: string, form: FormData, uploading: Uploading = {}): Promise<T> {
  const { headers, correlationId } = headersWith(uploading.headers)
  const request = { method: 'POST', correlationId }
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest()
    xhr.open('POST', path)
    xhr.responseType = 'json'
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
    xhr.upload.onprogress = ({ loaded, total }) => {
      if (total > 0) uploading.onProgress?.(loaded / total)
    }
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve(xhr.response as T)
      else {
        const retryAfter = xhr.getResponseHeader('retry-after')
        reject(refusal(xhr.status, xhr.response, { ...request, retryAfter }))
      }
    }
    xhr.onerror = () => reject(failureOf(0, null, request))
    xhr.onabort = () => reject(new DOMException('The upload was stopped', 'AbortError'))
    const { signal } = uploading
    signal?.addEventListener('abort', () => xhr.abort(), { once: true })
    if (signal?.aborted) return reject(new DOMException('The upload was stopped', 'AbortError'))
    xhr.send(form)
  })
}
