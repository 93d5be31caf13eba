-- Of the request that asked for it: correlation id, traceparent.
ALTER TABLE job ADD COLUMN headers jsonb NOT NULL DEFAULT '{}';
