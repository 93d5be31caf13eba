-- Loads the library, whose setting the function names.
SELECT search.similarity('a', 'a');

-- The same titles for less: those that begin with what is typed come before all others, so where they are
-- enough, trigrams are not asked. Computing how similar titles are is most of what a suggestion costs.
CREATE OR REPLACE FUNCTION search.suggest(typed text, of_type text, viewer text, most integer) RETURNS SETOF text
LANGUAGE plpgsql STABLE
SET pg_trgm.word_similarity_threshold = 0.35
-- A plan for whatever is typed can use no index.
SET plan_cache_mode = force_custom_plan
SET search_path = search, pg_catalog AS $$
DECLARE
  pattern text := replace(replace(replace(typed, '\', '\\'), '%', '\%'), '_', '\_');
  beginnings integer;
BEGIN
  RETURN QUERY
    SELECT min(title)
      FROM documents
     WHERE visible AND (of_type IS NULL OR type = of_type) AND (type <> 'wishlist' OR owner_id = viewer)
       AND lower(title) LIKE pattern || '%'
     GROUP BY lower(title)
     ORDER BY word_similarity(typed, lower(title)) DESC, length(lower(title)), lower(title) COLLATE "C"
     LIMIT most;
  GET DIAGNOSTICS beginnings = ROW_COUNT;
  -- Trigrams know nothing of one or two letters.
  IF beginnings >= most OR length(typed) < 3 THEN RETURN; END IF;
  RETURN QUERY
    SELECT min(title)
      FROM documents
     WHERE visible AND (of_type IS NULL OR type = of_type) AND (type <> 'wishlist' OR owner_id = viewer)
       AND (lower(title) LIKE '%' || pattern || '%' OR typed <% lower(title))
       AND lower(title) NOT LIKE pattern || '%'
     GROUP BY lower(title)
     ORDER BY word_similarity(typed, lower(title)) DESC, length(lower(title)), lower(title) COLLATE "C"
     LIMIT most - beginnings;
END
$$;
