-- Work for a later time, once: whoever runs it deletes it in the transaction that it writes in.
CREATE TABLE job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  key text,
  payload jsonb NOT NULL,
  due_at timestamptz NOT NULL,
  -- When the schedule that made it was due; null for a job of its own.
  occurrence timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  error text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX job_due ON job (due_at) WHERE attempts = 0;
CREATE INDEX job_due_again ON job (due_at) WHERE attempts > 0;
CREATE UNIQUE INDEX job_key ON job (name, key) WHERE key IS NOT NULL;

-- Jobs that a process is about to run or running; nobody else looks at them. The one row is written before
-- and is gone with their transaction. Where it stands for long and its jobs are free, the process ended
-- while it ran them, and perhaps because of one: that counts as a failed attempt of each.
CREATE TABLE job_group (
  id uuid PRIMARY KEY,
  jobs bigint[] NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE schedule (
  name text PRIMARY KEY,
  timing text NOT NULL,
  next_run_at timestamptz NOT NULL,
  -- When a scheduler that defines it last said so.
  seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE schedule_run (
  name text NOT NULL,
  due_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead')),
  ended_at timestamptz,
  PRIMARY KEY (name, due_at)
);
INSERT INTO sleeper (topic) VALUES ('schedule');
