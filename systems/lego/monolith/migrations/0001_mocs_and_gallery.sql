CREATE TABLE gallery_albums (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id text NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text,
  cover_image_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX gallery_albums_of_user ON gallery_albums (user_id, created_at DESC, id);

CREATE TABLE gallery_images (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id text NOT NULL,
  album_id uuid REFERENCES gallery_albums (id) ON DELETE SET NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text,
  tags text[] NOT NULL DEFAULT '{}',
  image_url text NOT NULL,
  thumbnail_url text,
  flagged boolean NOT NULL DEFAULT false,
  search tsvector NOT NULL DEFAULT ''::tsvector,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT gallery_images_in_album UNIQUE (id, album_id)
);
CREATE INDEX gallery_images_newest ON gallery_images (created_at DESC, id) WHERE NOT flagged;
CREATE INDEX gallery_images_of_user ON gallery_images (user_id, created_at DESC, id);
CREATE INDEX gallery_images_of_album ON gallery_images (album_id, created_at DESC, id);
CREATE INDEX gallery_images_search ON gallery_images USING gin (search);

-- A cover must be one of the album's own images; deferred, since an image and its album may move together.
ALTER TABLE gallery_albums ADD CONSTRAINT gallery_albums_cover_is_inside
  FOREIGN KEY (cover_image_id, id) REFERENCES gallery_images (id, album_id)
  DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE gallery_flags (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  image_id uuid NOT NULL REFERENCES gallery_images (id) ON DELETE CASCADE,
  user_id text NOT NULL,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'upheld', 'dismissed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  reviewed_at timestamptz,
  CONSTRAINT gallery_flags_once_a_user UNIQUE (image_id, user_id)
);
CREATE INDEX gallery_flags_queue ON gallery_flags (created_at, id) WHERE status = 'pending';

CREATE TABLE moc_instructions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id text NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text,
  author text,
  theme text,
  tags text[] NOT NULL DEFAULT '{}',
  thumbnail_url text,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'complete')),
  total_piece_count integer NOT NULL DEFAULT 0 CHECK (total_piece_count >= 0),
  search tsvector NOT NULL DEFAULT ''::tsvector,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX moc_instructions_newest ON moc_instructions (created_at DESC, id);
CREATE INDEX moc_instructions_of_user ON moc_instructions (user_id, created_at DESC, id);
CREATE INDEX moc_instructions_of_theme ON moc_instructions (theme, created_at DESC, id);
CREATE INDEX moc_instructions_search ON moc_instructions USING gin (search);

CREATE TABLE moc_files (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  moc_id uuid NOT NULL REFERENCES moc_instructions (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('instruction', 'parts-list', 'thumbnail', 'other')),
  file_name text NOT NULL,
  mime_type text NOT NULL,
  size_bytes integer NOT NULL CHECK (size_bytes >= 0),
  content bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX moc_files_of_moc ON moc_files (moc_id, created_at);

CREATE TABLE moc_parts_lists (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  moc_id uuid NOT NULL REFERENCES moc_instructions (id) ON DELETE CASCADE,
  title text NOT NULL,
  format text NOT NULL CHECK (format IN ('bricklink-xml', 'rebrickable-csv')),
  parts jsonb NOT NULL,
  lot_count integer NOT NULL CHECK (lot_count >= 0),
  piece_count integer NOT NULL CHECK (piece_count >= 0),
  acquired_count integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT moc_parts_lists_acquired CHECK (acquired_count BETWEEN 0 AND piece_count)
);
CREATE INDEX moc_parts_lists_of_moc ON moc_parts_lists (moc_id, created_at);

CREATE TABLE moc_gallery_images (
  moc_id uuid NOT NULL REFERENCES moc_instructions (id) ON DELETE CASCADE,
  gallery_image_id uuid NOT NULL,
  PRIMARY KEY (moc_id, gallery_image_id)
);
CREATE TABLE moc_gallery_albums (
  moc_id uuid NOT NULL REFERENCES moc_instructions (id) ON DELETE CASCADE,
  gallery_album_id uuid NOT NULL,
  PRIMARY KEY (moc_id, gallery_album_id)
);
