CREATE TABLE moc.mocs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text,
  author text,
  theme text,
  tags text[] NOT NULL DEFAULT '{}',
  thumbnail_url text,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'complete')),
  total_piece_count integer NOT NULL DEFAULT 0 CHECK (total_piece_count >= 0),
  -- [{"id": "…"}, …]: what the monolith keeps in join tables (docs/mapping.md, "Fold").
  gallery_image_ids jsonb NOT NULL DEFAULT '[]',
  gallery_album_ids jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
-- The monolith's search document is made of several columns: a change that goes back to it names them all.
ALTER TABLE moc.mocs REPLICA IDENTITY FULL;
CREATE INDEX mocs_newest ON moc.mocs (created_at DESC, id);
CREATE INDEX mocs_of_owner ON moc.mocs (owner_id, created_at DESC, id);
CREATE INDEX mocs_of_theme ON moc.mocs (theme, created_at DESC, id);
-- Who links an image that was deleted.
CREATE INDEX mocs_of_image ON moc.mocs USING gin (gallery_image_ids jsonb_path_ops);
CREATE INDEX mocs_of_album ON moc.mocs USING gin (gallery_album_ids jsonb_path_ops);

CREATE TABLE moc.files (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  moc_id uuid NOT NULL REFERENCES moc.mocs (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('instruction', 'parts-list', 'thumbnail', 'other')),
  file_name text NOT NULL,
  mime_type text NOT NULL,
  size_bytes integer NOT NULL CHECK (size_bytes >= 0),
  content bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX files_of_moc ON moc.files (moc_id, created_at);

CREATE TABLE moc.parts_lists (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  moc_id uuid NOT NULL REFERENCES moc.mocs (id) ON DELETE CASCADE,
  title text NOT NULL,
  format text NOT NULL CHECK (format IN ('bricklink-xml', 'rebrickable-csv')),
  parts jsonb NOT NULL,
  lot_count integer NOT NULL CHECK (lot_count >= 0),
  piece_count integer NOT NULL CHECK (piece_count >= 0),
  acquired_count integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT parts_lists_acquired CHECK (acquired_count BETWEEN 0 AND piece_count)
);
CREATE INDEX parts_lists_of_moc ON moc.parts_lists (moc_id, created_at);

-- Links that Gallery could not be asked about; settled when it says whether there is such a thing.
CREATE TABLE moc.pending_links (
  moc_id uuid NOT NULL REFERENCES moc.mocs (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('image', 'album')),
  gallery_id uuid NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (moc_id, kind, gallery_id)
);
CREATE INDEX pending_links_oldest ON moc.pending_links (kind, since);
CREATE INDEX pending_links_of ON moc.pending_links (gallery_id);

-- What Gallery has said is deleted. A link that was found valid just before, and is written just after,
-- meets it here.
CREATE TABLE moc.gone_from_gallery (
  id uuid PRIMARY KEY,
  heard_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX gone_from_gallery_oldest ON moc.gone_from_gallery (heard_at);
