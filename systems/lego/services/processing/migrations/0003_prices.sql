-- Prices as BrickLink said them, for everybody's estimates; asked for again when they are old.
CREATE TABLE processing.prices (
  -- BrickLink's: PART, MINIFIG and so on, its number, its colour; 0 where the item has none.
  item_type text NOT NULL,
  item_no text NOT NULL,
  colour_id integer NOT NULL,
  condition text NOT NULL CHECK (condition IN ('N', 'U')),
  currency text NOT NULL,
  -- Whether BrickLink knows the item in that colour.
  known boolean NOT NULL,
  -- Ten-thousandths of the currency; null where nobody offers it.
  average bigint CHECK (average >= 0),
  offered bigint NOT NULL,
  fetched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (item_no, colour_id, item_type, condition, currency)
);

-- Calls of each day (UTC), of all processes together: BrickLink allows some 5,000.
CREATE TABLE processing.price_calls (
  day date PRIMARY KEY,
  calls integer NOT NULL
);

CREATE TABLE processing.estimates (
  job_id uuid NOT NULL REFERENCES processing.jobs ON DELETE CASCADE,
  condition text NOT NULL CHECK (condition IN ('N', 'U')),
  currency text NOT NULL,
  state text NOT NULL DEFAULT 'working' CHECK (state IN ('working', 'waiting', 'completed')),
  -- As far as it is known; null before the first look.
  found jsonb,
  -- Why it waits.
  stopped text,
  token bigint NOT NULL DEFAULT 0,
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (job_id, condition, currency)
);
CREATE INDEX estimates_to_do ON processing.estimates (leased_until) WHERE state <> 'completed';

-- From our part to what others call it.
CREATE INDEX part_ids_of_part ON processing.part_ids (part_num, system);
