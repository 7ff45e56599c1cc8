-- +goose Up

-- +goose StatementBegin
-- Carries out a search that the read side has planned (internal/query/plan.go), and
-- returns the ids of the books that were found, the best first, at most as many as
-- wanted. It is a function so that the parts of a search are in one snapshot and one
-- round trip, and none is begun once the page is full.
--
-- Tiers are numbered from 1, the best. Of each there are its condition and that of being
-- in a better one; any_tier is the condition of being in any. Their books are found in
-- steps:
--   * A step that goes from a tier through another finds all that is left of these, and
--     ranks it in one go.
--   * A step through no tier (0) finds those of its own tier in the two newest blocks of
--     2^bits ids.
-- Where a step is newest, the books of its own tier come in the order of their ids, the
-- newest first, and before them the most popular ones, of as many as popular says. A
-- step's driver is what the index on lexemes is asked for (null: all of the blocks); exact
-- says that it is the tier's condition, which need not be checked then. Known are books of
-- better tiers than the first step's, which have been found before.
--
-- ts_match_vq is the function behind @@: what says @@, the index is asked for.
CREATE FUNCTION search_books(
    conditions tsquery[], better tsquery[], any_tier tsquery,
    step_tiers int[], step_through int[], step_bits int[], step_newest boolean[], step_drivers tsquery[], step_exact boolean[],
    known bigint[], popular int, wanted int
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    found     bigint[] := known;
    hot       bigint[];   -- the most popular books that are in any tier, the most popular first
    hot_tiers int[];      -- null: not looked for yet
    mine      bigint[];   -- those of this tier
    highest   bigint;     -- id
    block     bigint;
    newest    tsquery;    -- the two newest blocks of a size
    older     bigint;     -- the tier's books from this id on have been found; null: none
    tier      int := 0;
    through   int;
    driver    tsquery;
    condition tsquery;    -- null: the driver is the condition
    excluded  tsquery;
    own       tsquery;    -- the condition of the step's own tier, where it is newest
BEGIN
    FOR i IN 1 .. cardinality(step_tiers) LOOP
        EXIT WHEN cardinality(found) >= wanted;
        driver := step_drivers[i];
        through := step_through[i];
        condition := CASE WHEN NOT step_exact[i] THEN conditions[greatest(through, step_tiers[i])] END;
        excluded := better[step_tiers[i]];

        IF step_newest[i] AND hot_tiers IS NULL THEN
            highest := (SELECT max(id) FROM books);
            hot := ARRAY(SELECT book_id FROM opened_books ORDER BY level DESC, book_id DESC LIMIT popular);
            hot := hot || ARRAY(
                SELECT book_id FROM served_books WHERE book_id <> ALL (hot)
                ORDER BY level DESC, book_id DESC LIMIT popular - cardinality(hot));
            SELECT array_agg(id ORDER BY opened DESC, served DESC, id DESC),
                coalesce(array_agg(best ORDER BY opened DESC, served DESC, id DESC), '{}')
            INTO hot, hot_tiers FROM unnest(hot) AS h (book_id)
            CROSS JOIN LATERAL (
                SELECT id, CASE
                    WHEN ts_match_vq(lexemes, conditions[1]) THEN 1
                    WHEN ts_match_vq(lexemes, conditions[2]) THEN 2
                    WHEN ts_match_vq(lexemes, conditions[3]) THEN 3
                    WHEN ts_match_vq(lexemes, conditions[4]) THEN 4
                    WHEN ts_match_vq(lexemes, conditions[5]) THEN 5
                    WHEN ts_match_vq(lexemes, conditions[6]) THEN 6
                    WHEN ts_match_vq(lexemes, conditions[7]) THEN 7
                    WHEN ts_match_vq(lexemes, conditions[8]) THEN 8
                    WHEN ts_match_vq(lexemes, conditions[9]) THEN 9
                    WHEN ts_match_vq(lexemes, conditions[10]) THEN 10 END AS best
                FROM books WHERE id = book_id AND ts_match_vq(lexemes, any_tier)
                OFFSET 0
            ) AS book
            CROSS JOIN LATERAL (
                SELECT coalesce((SELECT level FROM opened_books WHERE opened_books.book_id = id), 0) AS opened,
                    coalesce((SELECT level FROM served_books WHERE served_books.book_id = id), 0) AS served
            ) AS popularity;
        END IF;
        IF step_newest[i] AND step_tiers[i] <> tier THEN
            tier := step_tiers[i];
            older := NULL;
            mine := ARRAY(SELECT id FROM unnest(hot, hot_tiers) AS h (id, best) WHERE best = tier);
            found := (found || mine)[1:wanted];
            EXIT WHEN cardinality(found) >= wanted;
        END IF;

        IF through > 0 THEN
            own := CASE WHEN step_newest[i] THEN conditions[tier] END;
            found := found || ARRAY(
                SELECT id FROM books
                WHERE lexemes @@ driver AND (condition IS NULL OR ts_match_vq(lexemes, condition))
                    AND (excluded IS NULL OR NOT ts_match_vq(lexemes, excluded))
                    AND id NOT IN (SELECT unnest(found)) -- which is hashed, unlike <> ALL
                ORDER BY
                    CASE
                        WHEN through > 1 AND ts_match_vq(lexemes, conditions[1]) THEN 1
                        WHEN through > 2 AND ts_match_vq(lexemes, conditions[2]) THEN 2
                        WHEN through > 3 AND ts_match_vq(lexemes, conditions[3]) THEN 3
                        WHEN through > 4 AND ts_match_vq(lexemes, conditions[4]) THEN 4
                        WHEN through > 5 AND ts_match_vq(lexemes, conditions[5]) THEN 5
                        WHEN through > 6 AND ts_match_vq(lexemes, conditions[6]) THEN 6
                        WHEN through > 7 AND ts_match_vq(lexemes, conditions[7]) THEN 7
                        WHEN through > 8 AND ts_match_vq(lexemes, conditions[8]) THEN 8
                        WHEN through > 9 AND ts_match_vq(lexemes, conditions[9]) THEN 9
                        WHEN through > 10 AND ts_match_vq(lexemes, conditions[10]) THEN 10
                        ELSE through END,
                    CASE WHEN own IS NULL OR NOT ts_match_vq(lexemes, own)
                        THEN coalesce((SELECT level FROM opened_books WHERE book_id = id), 0) END DESC,
                    CASE WHEN own IS NULL OR NOT ts_match_vq(lexemes, own)
                        THEN coalesce((SELECT level FROM served_books WHERE book_id = id), 0) END DESC,
                    id DESC
                LIMIT wanted - cardinality(found));
            CONTINUE;
        END IF;

        block := highest >> step_bits[i];
        newest := format('''#%s:%s'' | ''#%s:%s''', step_bits[i], block, step_bits[i], block - 1);
        driver := CASE WHEN driver IS NULL THEN newest ELSE driver && newest END;
        found := found || ARRAY(
            SELECT id FROM (
                SELECT id FROM books
                WHERE lexemes @@ driver AND (condition IS NULL OR ts_match_vq(lexemes, condition))
                    AND (older IS NULL OR id < older)
                    AND (excluded IS NULL OR NOT ts_match_vq(lexemes, excluded))
                    AND id NOT IN (SELECT unnest(mine))
                OFFSET 0
            ) AS book ORDER BY id DESC LIMIT wanted - cardinality(found));
        older := (block - 1) << step_bits[i];
    END LOOP;
    RETURN found;
END
$$;
-- +goose StatementEnd
