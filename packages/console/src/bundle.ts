import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** A file that the browser loads, as it goes over the wire. */
export interface Asset {
  readonly type: string
  readonly content: Uint8Array
  /** The same, compressed. */
  readonly gzip: Uint8Array
}

export interface Bundle {
  /** The one document; it names the assets. */
  readonly document: Uint8Array
  /** By path. Each path holds the hash of what is behind it, so it never changes. */
  readonly assets: ReadonlyMap<string, Asset>
}

export interface BundleOptions {
  /** The page's first source file. */
  readonly entry: string
  readonly title: string
  /** Address of the page's icon; none by default. */
  readonly icon?: string
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/**
 * Makes of a page's sources what browsers read. Takes a few tenths of a second and touches no disk: a process does
 * it as it starts, or when the page is first asked for.
 *
 * @throws what esbuild says of a source that cannot be read.
 */
export async function bundlePage(options: BundleOptions): Promise<Bundle> {
  const { outputFiles } = await build({
    entryPoints: [options.entry],
    outdir: '/assets',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    jsx: 'automatic',
    legalComments: 'none',
    logLevel: 'silent',
    define: { 'process.env.NODE_ENV': '"production"' },
  })
  const assets = new Map<string, Asset>()
  for (const { path, contents } of outputFiles) {
    const ending = path.slice(path.lastIndexOf('.'))
    const hash = createHash('sha256').update(contents).digest('base64url').slice(0, 12)
    assets.set(`/assets/page-${hash}${ending}`, {
      ...{ type: TYPES[ending]!, content: contents, gzip: gzipSync(contents, { level: 9 }) },
    })
  }
  return { document: Buffer.from(documentOf(options, [...assets.keys()])), assets }
}

function documentOf({ title, icon = 'data:,' }: BundleOptions, paths: readonly string[]): string {
  const path = (ending: string) => paths.find((one) => one.endsWith(ending))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${path('.css')}">
<script type="module" src="${path('.js')}"></script>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
`
}
