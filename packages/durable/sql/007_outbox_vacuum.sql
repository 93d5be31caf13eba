-- A relay that looks ten times a second reads past what was deleted: a thousand rows of it, and no ten thousand.
ALTER TABLE outbox SET (autovacuum_vacuum_threshold = 1000);
