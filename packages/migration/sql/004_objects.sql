-- What is known of each object that an extraction keeps in step: whoever follows them goes on from here.
CREATE TABLE banyan_control.object (
  extraction     text     NOT NULL REFERENCES banyan_control.extraction (name),
  -- In the order of its bytes, as both sides list theirs.
  key            text     NOT NULL COLLATE "C",
  bucket         smallint NOT NULL,
  size           bigint   NOT NULL,
  -- Of what is the same on both sides; null while nothing is.
  sha256         text,
  source_version text,
  target_version text,
  problem        text CHECK (problem IN ('missing', 'refused')),
  problem_why    text,
  problem_at     timestamptz,
  PRIMARY KEY (extraction, key)
);
CREATE INDEX object_problems ON banyan_control.object (extraction, key) WHERE problem IS NOT NULL;
