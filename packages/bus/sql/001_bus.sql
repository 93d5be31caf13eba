-- Tables stand in the schema that the transport was given; names here are without it.

-- A group of members that share what it is sent; it stays when its members leave.
CREATE TABLE consumer_group (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  types text[] NOT NULL
);

-- One who takes messages now. A row past its deadline is deleted by the others, and with it its leases.
CREATE TABLE member (
  id uuid PRIMARY KEY,
  group_id integer NOT NULL REFERENCES consumer_group,
  alive_until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Keys are hashed to lanes, and a lane is held by one member: so each key is delivered by one at a time.
CREATE TABLE lane (
  group_id integer NOT NULL REFERENCES consumer_group,
  lane smallint NOT NULL,
  member uuid REFERENCES member ON DELETE SET NULL,
  PRIMARY KEY (group_id, lane)
) WITH (fillfactor = 50);

-- One row for each group and message, deleted when it is acknowledged.
CREATE TABLE message (
  group_id integer NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  lane smallint NOT NULL,
  id text NOT NULL,
  type text NOT NULL,
  key text NOT NULL,
  headers json NOT NULL,
  body text NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (group_id, position)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
