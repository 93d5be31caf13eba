-- What lists all files below a prefix, page by page, in the order of the keys that another side knows them by.
CREATE INDEX files_by_key ON storage.files
  (prefix, ((owner_id || '/' || id::text || '/' || file_name) COLLATE "C"))
  WHERE state IN ('clean', 'processed');
