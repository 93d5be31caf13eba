-- Documents that a search outside has to look at again. A row each, however often they change, so that it stays
-- small while nobody looks.
CREATE TABLE search_changes (
  type text NOT NULL CHECK (type IN ('moc', 'image', 'wishlist')),
  document_id uuid NOT NULL,
  revision bigint NOT NULL DEFAULT 1,
  -- Of the first change that nobody has looked at.
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (type, document_id)
);
CREATE INDEX search_changes_oldest ON search_changes (changed_at);
