CREATE TABLE notes.notes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notes_of_owner ON notes.notes (owner_id, created_at, id);

CREATE TABLE notes.tallies (
  owner_id text PRIMARY KEY,
  notes integer NOT NULL
);
