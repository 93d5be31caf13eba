import type { TLSSocket } from 'node:tls'

/**
 * Whom the other side's certificate is for: its DNS names and its common name; none when it was not
 * verified. A name with anything unusual in it comes quoted (CVE-2021-44532) and is nobody's.
 */
export function certificateNames(socket: TLSSocket): string[] {
  if (!socket.authorized) return []
  const { subject, subjectaltname } = socket.getPeerCertificate()
  const names = (subjectaltname ?? '').split(', ').flatMap((entry) => {
    const name = /^DNS:([A-Za-z0-9._-]+)$/.exec(entry)?.[1]
    return name === undefined ? [] : [name]
  })
  const common = subject?.CN
  return typeof common === 'string' && common !== '' ? [...names, common] : names
}
