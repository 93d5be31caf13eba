-- No request's limit: there may be millions of lots to write anew.
SET LOCAL statement_timeout = 0;

-- Lots as they were found, some hundred together, each field of all of them by itself (jobs/lot-pages.ts): as rows of
-- their own they took ten times the bytes, and most of the time that a list takes.
CREATE TABLE processing.job_lot_pages (
  job_id uuid NOT NULL REFERENCES processing.jobs ON DELETE CASCADE,
  -- Of its last lot; the first one's follows that of the page before.
  position integer NOT NULL,
  -- Lots of it that the catalogue does not know.
  unresolved integer NOT NULL,
  -- JSON; as text, since nobody asks the database what is in it.
  columns text NOT NULL,
  PRIMARY KEY (job_id, position)
);
-- Not packed: that takes longer than writing it.
ALTER TABLE processing.job_lot_pages ALTER COLUMN columns SET STORAGE EXTERNAL;

INSERT INTO processing.job_lot_pages
SELECT job_id, max(position), count(lot ->> 'unresolved'), jsonb_build_object(
  'lots', count(*),
  'line', jsonb_agg(lot -> 'line' ORDER BY position),
  'type', jsonb_agg(lot -> 'type' ORDER BY position),
  'rebrickable', jsonb_agg(lot -> 'ids' -> 'rebrickable' ORDER BY position),
  'bricklink', jsonb_agg(lot -> 'ids' -> 'bricklink' ORDER BY position),
  'ldraw', jsonb_agg(lot -> 'ids' -> 'ldraw' ORDER BY position),
  'element', jsonb_agg(lot -> 'element' ORDER BY position),
  'colourSystem', jsonb_agg(lot -> 'colour' -> 'system' ORDER BY position),
  'colour', jsonb_agg(coalesce(lot -> 'colour' -> 'id', lot -> 'colour' -> 'name') ORDER BY position),
  'quantity', jsonb_agg(lot -> 'quantity' ORDER BY position),
  'spare', jsonb_agg(lot -> 'spare' ORDER BY position),
  'name', jsonb_agg(lot -> 'name' ORDER BY position),
  'remarks', jsonb_agg(lot -> 'remarks' ORDER BY position),
  'part', jsonb_agg(lot -> 'part' ORDER BY position),
  'partColour', jsonb_agg(lot -> 'partColour' ORDER BY position),
  'match', jsonb_agg(lot -> 'match' ORDER BY position),
  'ambiguousColour', jsonb_agg(lot -> 'ambiguousColour' ORDER BY position),
  'unresolved', jsonb_agg(lot -> 'unresolved' ORDER BY position),
  'suggestions', jsonb_agg(lot -> 'suggestions' ORDER BY position)
)::text
FROM processing.job_lots GROUP BY job_id, position / 500;

DROP TABLE processing.job_lots;
