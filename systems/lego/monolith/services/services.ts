import type { Settings } from '../settings.ts'
import { ServiceCaller } from './caller.ts'
import { Processing } from './processing.ts'
import { Storage } from './storage.ts'
import { Tallies } from './tallies.ts'

/** The services that work for this application, where the settings name them. */
export interface Services {
  readonly storage: Storage | null
  readonly processing: Processing | null
  readonly tallies: Tallies
}

/** @throws Error for a SERVICE_KEY that is none */
export function servicesOf(settings: Settings): Services {
  const { STORAGE_URL, PROCESSING_URL, PROCESSING_WAIT_MS, SERVICE_KEY, SERVICE_ISSUER } = settings
  const tallies = new Tallies()
  const caller = (service: string, url: string) =>
    new ServiceCaller({ service, url, key: SERVICE_KEY ?? '', issuer: SERVICE_ISSUER })
  return {
    tallies,
    storage: STORAGE_URL ? new Storage(caller('storage', STORAGE_URL), tallies) : null,
    processing: PROCESSING_URL
      ? new Processing(caller('processing', PROCESSING_URL), PROCESSING_WAIT_MS)
      : null,
  }
}
