-- Loads the library, whose setting the function names.
SELECT search.similarity('a', 'a');

-- Titles for what is being typed, in small letters. A function, because it has a threshold of its own: with
-- the usual 0.6 two letters that changed places are one too many ("dragno" is 0.4 of "dragon").
CREATE FUNCTION search.suggest(typed text, of_type text, viewer text, most integer) RETURNS SETOF text
LANGUAGE sql STABLE
SET pg_trgm.word_similarity_threshold = 0.35
SET search_path = search, pg_catalog AS $$
  SELECT min(title)
    FROM search.documents, replace(replace(replace(typed, '\', '\\'), '%', '\%'), '_', '\_') AS pattern
   WHERE visible AND (of_type IS NULL OR type = of_type) AND (type <> 'wishlist' OR owner_id = viewer)
     -- Trigrams know nothing of one or two letters: those are beginnings, which have an index too.
     AND CASE WHEN length(typed) < 3 THEN lower(title) LIKE pattern || '%'
              ELSE lower(title) LIKE '%' || pattern || '%' OR typed <% lower(title) END
   GROUP BY lower(title)
   ORDER BY bool_or(lower(title) LIKE pattern || '%') DESC, word_similarity(typed, lower(title)) DESC,
            length(lower(title)), lower(title) COLLATE "C"
   LIMIT most
$$;
