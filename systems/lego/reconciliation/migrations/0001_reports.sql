CREATE TABLE reconciliation.reports (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  compared bigint NOT NULL,
  differing bigint NOT NULL,
  repaired bigint NOT NULL,
  dangling bigint NOT NULL,
  report jsonb NOT NULL
);
