-- What an owner did to MOCs within the last seconds; asked with each search of theirs.
CREATE INDEX mocs_changed_of_owner ON moc.mocs (owner_id, updated_at);
CREATE INDEX creations_ended_of_owner ON moc.creations (owner_id, ended_at) WHERE ended_at IS NOT NULL;

-- MOCs that were deleted a moment ago.
CREATE TABLE moc.recently_deleted (
  moc_id uuid PRIMARY KEY,
  owner_id text NOT NULL,
  deleted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX recently_deleted_of_owner ON moc.recently_deleted (owner_id, deleted_at);
CREATE INDEX recently_deleted_oldest ON moc.recently_deleted (deleted_at);
