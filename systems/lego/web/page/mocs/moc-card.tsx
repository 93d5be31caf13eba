import { Link } from 'wouter'
import type { MocSummary } from '../api/types.ts'
import { Picture } from '../ui/picture.tsx'

/** A MOC among others. */
export function MocCard({ moc }: { readonly moc: MocSummary }) {
  const { id, title, author, theme, totalPieceCount, thumbnailUrl, status } = moc
  return (
    <li className="tile">
      <Link href={`/mocs/${id}`} className="tile-link">
        <Picture url={thumbnailUrl} name={title} />
        <span className="tile-words">
          <span className="tile-title">{title}</span>
          {author && <span className="muted">by {author}</span>}
          <span className="muted">
            {[theme, `${totalPieceCount.toLocaleString('en')} pieces`].filter(Boolean).join(' · ')}
          </span>
          {status === 'complete' && <span className="badge good">Complete</span>}
        </span>
      </Link>
    </li>
  )
}
