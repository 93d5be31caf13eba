import { useState } from 'react'

/** How many colours a brick in place of a picture may have; styles/pages.css has them. */
const COLOURS = 6

/** A picture at the address that somebody gave; bricks where there is none, or it does not come. */
export function Picture({ url, name }: { readonly url: string | null; readonly name: string }) {
  const [broken, setBroken] = useState<string | null>(null)
  if (url === null || broken === url) {
    return <div className={`bricks bricks-${colourOf(name)}`} aria-hidden="true" />
  }
  return (
    <img
      className="picture"
      src={url}
      alt=""
      loading="lazy"
      referrerPolicy="no-referrer"
      onError={() => setBroken(url)}
    />
  )
}

/** The same for the same name. */
function colourOf(name: string): number {
  let sum = 0
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)!) % 9973
  return sum % COLOURS
}
