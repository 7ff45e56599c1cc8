-- +goose Up

-- Full text is built in; matching a part of a word needs trigrams.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- One row per partition that a consumer follows: its position, its lock and its
-- fence. Everything below next_offset has been applied, in the transaction that
-- moved it there.
CREATE TABLE checkpoints (
    consumer    text   NOT NULL,
    generation  bigint NOT NULL,
    partition   int    NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
    moved_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, generation, partition)
) WITH (
    -- A few rows, updated thousands of times a second: room on the page keeps
    -- the updates off the index, and vacuum must not wait for a share of the rows.
    fillfactor = 10,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0
);

-- The generations of each projection. The active one answers queries.
CREATE TABLE generations (
    projection text   NOT NULL,
    generation bigint NOT NULL CHECK (generation > 0),
    version    int    NOT NULL,
    state      text   NOT NULL CHECK (state IN ('building', 'active', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, generation)
);
CREATE UNIQUE INDEX generations_one_active ON generations (projection) WHERE state = 'active';

-- +goose StatementBegin
-- Compares each partition's position with from_offsets and moves it to
-- to_offsets, or fails with SQLSTATE BK001 and so undoes the whole transaction.
--
-- It is a function so that the comparison can be pipelined with the writes that
-- depend on it: a failed statement aborts the pipeline, an UPDATE that matches
-- no row would not. Rows are locked in the order of their partitions, so that
-- two owners of overlapping partitions wait for each other and never deadlock.
--
-- Not durable means that the commit does not wait for the disk. A crash of
-- PostgreSQL may then undo the last moments, position and rows together.
CREATE FUNCTION advance_checkpoints(
    for_consumer text, for_generation bigint,
    partitions int[], from_offsets bigint[], to_offsets bigint[], durable boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i int;
BEGIN
    IF NOT durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    FOR i IN 1 .. cardinality(partitions) LOOP
        UPDATE checkpoints SET next_offset = to_offsets[i], moved_at = now()
        WHERE consumer = for_consumer AND generation = for_generation
          AND partition = partitions[i] AND next_offset = from_offsets[i];
        IF NOT FOUND THEN
            RAISE EXCEPTION 'checkpoint of % generation % partition % is not at %',
                for_consumer, for_generation, partitions[i], from_offsets[i] USING ERRCODE = 'BK001';
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd
