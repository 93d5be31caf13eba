-- What is written is first laid aside, and every search reads all of it: at most 64 kB, not the server's 4 MB.
ALTER INDEX search.documents_vector SET (gin_pending_list_limit = 64);
ALTER INDEX search.documents_trigrams SET (gin_pending_list_limit = 64);
