const MASK = '***'

/** Members whose value is a secret, however deep; in JSON text, so that no shape hides one. */
const MEMBERS =
  /("[^"]*(?:authorization|cookie|password|passwd|secret|token|api[-_]?key|identity|credential)[^"]*":)"(?:[^"\\]|\\.)*"/gi
/** The password in postgres://user:password@host and its like. */
const URL_PASSWORDS = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@"]*:)[^\s@"]+@/gi
/** `password=…` of a libpq connection string. */
const KEYWORD_PASSWORDS = /(\bpassword\s*=\s*)('[^']*'|[^\s"']+)/gi
/** Credentials of an Authorization header that was made part of a text. */
const SCHEMES = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi
/** A signed token, wherever it stands. */
const TOKENS = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g

/** The text with every secret in it replaced by `***`. Takes JSON and plain text alike. */
export function withoutSecrets(text: string): string {
  return text
    .replace(MEMBERS, `$1"${MASK}"`)
    .replace(URL_PASSWORDS, `$1${MASK}@`)
    .replace(KEYWORD_PASSWORDS, `$1${MASK}`)
    .replace(SCHEMES, `$1 ${MASK}`)
    .replace(TOKENS, MASK)
}

/** Whether a setting of this name must not be shown. */
export function isSecretName(name: string): boolean {
  return /key|secret|token|password|credential|url|dsn/i.test(name)
}
