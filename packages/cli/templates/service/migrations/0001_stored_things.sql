CREATE TABLE stored_things (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  -- To the millisecond: JSON and cursors carry no more, and a list must not skip what they cut off.
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX stored_things_of_owner ON stored_things (owner_id, created_at, id);

CREATE TABLE tallies (
  owner_id text PRIMARY KEY,
  added integer NOT NULL
);
