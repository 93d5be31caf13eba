-- Answers to requests that came with an Idempotency-Key, written in the transaction of their effect.
CREATE TABLE idempotency_keys (
  -- sha256 of who asked, the route and the key: nothing a client chose the length of.
  id bytea PRIMARY KEY,
  -- sha256 of what was asked.
  fingerprint bytea NOT NULL,
  status smallint NOT NULL,
  headers jsonb NOT NULL,
  body text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
