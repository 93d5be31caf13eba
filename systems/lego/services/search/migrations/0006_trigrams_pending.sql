-- Few suggestions still read the trigrams, but each document that is written has some twenty of them: laid aside
-- for longer, more of them go into the index together. Searches read the other index, whose list stays at 64 kB.
ALTER INDEX search.documents_trigrams SET (gin_pending_list_limit = 256);
