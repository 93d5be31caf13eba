CREATE TABLE storage.files (
  id uuid PRIMARY KEY,
  -- Of the upload that has the row: what an earlier one of the same id still does changes nothing.
  attempt uuid NOT NULL,
  owner_id text NOT NULL,
  prefix text NOT NULL CHECK (prefix IN ('mocs', 'gallery', 'wishlist', 'avatars')),
  file_name text NOT NULL,
  content_type text NOT NULL,
  watermark boolean NOT NULL,
  state text NOT NULL CHECK (state IN
    ('uploading', 'scanning', 'clean', 'processed', 'infected', 'deleted')),
  -- Bytes; while it is uploaded, those that are reserved for it.
  size bigint NOT NULL CHECK (size >= 0),
  sha256 text,
  scanned_by text,
  -- What the scanner found, or why an image could not be processed.
  problem text,
  image jsonb,
  variants jsonb NOT NULL DEFAULT '[]',
  -- While it is uploaded: after this it counts no more, and whoever uploaded it is taken for dead.
  expires_at timestamptz,
  -- Of what is infected or deleted: whether its bytes are gone.
  bytes_gone boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((expires_at IS NOT NULL) = (state IN ('uploading', 'scanning'))),
  CHECK (state NOT IN ('clean', 'processed') OR (sha256 IS NOT NULL AND scanned_by IS NOT NULL))
);

-- What counts against a quota.
CREATE INDEX files_of_owner ON storage.files (owner_id) INCLUDE (size, expires_at)
  WHERE state IN ('uploading', 'scanning', 'clean', 'processed');
CREATE INDEX files_to_sweep ON storage.files (updated_at)
  WHERE state IN ('uploading', 'scanning', 'infected', 'deleted');
