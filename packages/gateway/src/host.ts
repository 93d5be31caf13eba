/** `uri-host [ ":" port ]` of RFC 9110, 7.2: a name or IPv4 address, or an IP literal in brackets. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-fA-F:.]+\])(?::\d*)?$/

/** Nearly every request names the same. */
let lastValid = ''

/** Whether this is a value that Host may have; an empty one may be (RFC 9112, 3.2). */
export function isHost(value: string): boolean {
  if (value === lastValid) return true
  if (!HOST.test(value)) return false
  lastValid = value
  return true
}
