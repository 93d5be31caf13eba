-- Up to where in the ledger each of the plan's addresses has been told; the ledger itself is the queue.
CREATE TABLE banyan_control.notice (
  target        text        PRIMARY KEY,
  seq           bigint      NOT NULL,
  -- Entries that grew too old while it could not be told, since it last was.
  skipped       int         NOT NULL DEFAULT 0,
  failing_since timestamptz,
  why           text
);
