-- Fencing tokens of claims (@banyan/durable): each is higher than all before.
CREATE SEQUENCE processing.lease_token;

CREATE TABLE processing.jobs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  -- What it is to the caller, e.g. the id of a MOC.
  reference text,
  file_name text,
  file_url text,
  options jsonb NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  token bigint NOT NULL DEFAULT 0,
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  -- Whether it was said that it has begun.
  announced boolean NOT NULL DEFAULT false,
  format text,
  bytes_read bigint NOT NULL DEFAULT 0,
  bytes_total bigint,
  lines_read integer NOT NULL DEFAULT 0,
  totals jsonb,
  failure jsonb,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX jobs_to_do ON processing.jobs (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_of_owner ON processing.jobs (owner_id, created_at);
CREATE INDEX jobs_ended ON processing.jobs (ended_at) WHERE ended_at IS NOT NULL;

-- What was sent with the request, until it is read: nothing acknowledged is only in memory.
CREATE TABLE processing.job_inputs (
  job_id uuid PRIMARY KEY REFERENCES processing.jobs ON DELETE CASCADE,
  content bytea NOT NULL
);
ALTER TABLE processing.job_inputs ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE processing.job_lots (
  job_id uuid NOT NULL REFERENCES processing.jobs ON DELETE CASCADE,
  position integer NOT NULL,
  lot jsonb NOT NULL,
  PRIMARY KEY (job_id, position)
);
CREATE TABLE processing.job_problems (
  job_id uuid NOT NULL REFERENCES processing.jobs ON DELETE CASCADE,
  position integer NOT NULL,
  problem jsonb NOT NULL,
  PRIMARY KEY (job_id, position)
);
