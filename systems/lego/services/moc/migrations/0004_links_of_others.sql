-- A link to what was deleted, of a MOC that another side owned just then, is looked at again; not at every turn.
ALTER TABLE moc.pending_links ADD ask_after timestamptz NOT NULL DEFAULT now();
