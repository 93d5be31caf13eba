-- After the end: the archive of the source's tables that an operator has made, and whether they are dropped.
ALTER TABLE banyan_control.extraction ADD COLUMN old_tables jsonb NOT NULL DEFAULT '{}';
