-- MOCs that are created together with their files, step by step. No reference to the MOC: it comes later than
-- this row, and goes earlier where a step fails.
CREATE TABLE moc.creations (
  moc_id uuid PRIMARY KEY,
  owner_id text NOT NULL,
  status text NOT NULL DEFAULT 'creating'
    CHECK (status IN ('creating', 'created', 'incomplete', 'failed')),
  -- What was asked for.
  wanted jsonb NOT NULL,
  problem jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz
);
CREATE INDEX creations_unfinished ON moc.creations (owner_id) WHERE ended_at IS NULL;
CREATE INDEX creations_ended ON moc.creations (ended_at) WHERE ended_at IS NOT NULL;

-- The bytes of files until Storage has them and Processing was given them.
CREATE TABLE moc.staged_files (
  id uuid PRIMARY KEY,
  moc_id uuid NOT NULL REFERENCES moc.creations (moc_id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('instruction', 'parts-list', 'thumbnail', 'other')),
  file_name text NOT NULL,
  mime_type text NOT NULL,
  size_bytes integer NOT NULL CHECK (size_bytes >= 0),
  content bytea NOT NULL
);
CREATE INDEX staged_files_of_moc ON moc.staged_files (moc_id, id);

-- Files of a MOC that Storage holds, under the same ids.
CREATE TABLE moc.stored_files (
  id uuid PRIMARY KEY,
  moc_id uuid NOT NULL REFERENCES moc.mocs (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('instruction', 'parts-list', 'thumbnail', 'other')),
  file_name text NOT NULL,
  mime_type text NOT NULL,
  size_bytes integer NOT NULL CHECK (size_bytes >= 0),
  -- Of a parts list: the job of Processing that reads it, and what became of that.
  job_id uuid,
  parts_list_id uuid REFERENCES moc.parts_lists (id) ON DELETE SET NULL,
  reading text NOT NULL DEFAULT 'none' CHECK (reading IN ('none', 'waiting', 'read', 'unreadable')),
  problem text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stored_files_of_moc ON moc.stored_files (moc_id, id);
CREATE INDEX stored_files_of_list ON moc.stored_files (parts_list_id);
