import { ClamdScanner } from './clamd.ts'

/** What a scanner says of a file. `unscannable`: it is too large, or too deep, to be called clean. */
export type Verdict =
  | { readonly verdict: 'clean' }
  | { readonly verdict: 'infected' | 'unscannable'; readonly finding: string }

export interface VirusScanner {
  /** Stands with every file it let through. */
  readonly name: string
  /** @throws Error when no verdict can be had */
  scan(content: AsyncIterable<Uint8Array>): Promise<Verdict>
  /** Resolves when files can be scanned. */
  check(): Promise<void>
}

/** For places where files are scanned elsewhere, or not at all: it has to be asked for by name. */
const noScanner: VirusScanner = {
  name: 'none',
  scan: async () => ({ verdict: 'clean' }),
  check: async () => {},
}

/** @param setting `none`, `clamd://host:port` or `clamd:/path/of/its.socket` */
export function scannerFor(setting: string): VirusScanner {
  if (setting === 'none') return noScanner
  const { hostname, port, pathname } = new URL(setting)
  return new ClamdScanner(
    hostname === '' ? { path: pathname } : { host: hostname, port: Number(port || 3310) },
  )
}
