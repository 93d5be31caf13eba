-- Who is signed in at the console, with whichever engine answers. Secrets are kept as their hashes: whoever reads
-- this table is nobody by it.

CREATE TABLE banyan_console.session (
  hash       bytea PRIMARY KEY,
  -- A link signs in once, and is gone.
  kind       text NOT NULL CHECK (kind IN ('session', 'link')),
  name       text NOT NULL,
  role       text NOT NULL CHECK (role IN ('viewer', 'operator')),
  -- Of the tokens of that time: with other tokens everybody signs in anew.
  tokens     bytea NOT NULL,
  expires_at timestamptz NOT NULL
);
