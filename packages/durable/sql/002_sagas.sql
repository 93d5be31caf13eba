-- One row an instance, its steps in it: the end of a step and the beginning of the next are one update of
-- one row, and hundreds of sagas advance in one statement (decision 023).
CREATE TABLE saga (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  -- The newest version that worked on it: an older runner leaves it alone.
  version integer NOT NULL,
  key text,
  state text NOT NULL DEFAULT 'running'
    CHECK (state IN ('running', 'compensating', 'stuck', 'completed', 'compensated', 'abandoned')),
  -- Why no runner takes it although it has not ended; the state says how it goes on when this is gone.
  blocked text,
  cancelling boolean NOT NULL DEFAULT false,
  input jsonb NOT NULL,
  headers jsonb NOT NULL,
  -- [{name, state: begun | done | undone, at, output}] in the order in which they were begun.
  steps jsonb NOT NULL DEFAULT '[]',
  -- Failed ones of the step at hand; a lease that ran out counts as one.
  attempts integer NOT NULL DEFAULT 0,
  -- Of the last attempt that failed.
  error text,
  -- Why it compensates.
  reason text,
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deadline timestamptz NOT NULL,
  ended_at timestamptz,
  -- When it is to be looked at next.
  due_at timestamptz NOT NULL DEFAULT now(),
  token bigint NOT NULL DEFAULT 0,
  leased_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (
  -- Claims, renewals and steps change no indexed column: with room on its page a row stays there (HOT).
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 10000
);
CREATE UNIQUE INDEX saga_key ON saga (name, key) WHERE key IS NOT NULL;
CREATE INDEX saga_due ON saga (due_at)
  WHERE state IN ('running', 'compensating') AND blocked IS NULL;
-- What an operator looks for.
CREATE INDEX saga_halted ON saga (name) WHERE state = 'stuck' OR blocked IS NOT NULL;
CREATE INDEX saga_ended ON saga (ended_at) WHERE ended_at IS NOT NULL;
INSERT INTO sleeper (topic) VALUES ('saga');
