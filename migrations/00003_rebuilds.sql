-- +goose Up

-- A position is that of a consumer, and so of all the generations that it feeds
-- in one transaction: they are level, always. A generation that is being built
-- has a consumer of its own, called <projection>/<generation>, until it is level
-- with the others and the live consumer takes it over.
DELETE FROM checkpoints WHERE generation <> 1;
DROP FUNCTION advance_checkpoints(text, bigint, int[], bigint[], bigint[], boolean);
ALTER TABLE checkpoints
    DROP CONSTRAINT checkpoints_pkey,
    DROP COLUMN generation,
    -- Goes up when what a batch depends on besides its position has changed: the
    -- generations that are fed. A batch that was made before is undone.
    ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
    ADD PRIMARY KEY (consumer, partition);

-- +goose StatementBegin
-- Compares each partition's position with from_offsets and its epoch with epochs,
-- and moves it to to_offsets, or fails and so undoes the whole transaction: with
-- SQLSTATE BK001 where the position is another, BK002 where only the epoch is.
--
-- It is a function so that the comparison can be pipelined with the writes that
-- depend on it: a failed statement aborts the pipeline, an UPDATE that matches
-- no row would not. Rows are locked in the order of their partitions, so that
-- two owners of overlapping partitions wait for each other and never deadlock.
--
-- Not durable means that the commit does not wait for the disk. A crash of
-- PostgreSQL may then undo the last moments, position and rows together.
CREATE FUNCTION advance_checkpoints(
    for_consumer text, partitions int[], from_offsets bigint[], to_offsets bigint[], epochs bigint[], durable boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i int;
BEGIN
    IF NOT durable THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    FOR i IN 1 .. cardinality(partitions) LOOP
        UPDATE checkpoints SET next_offset = to_offsets[i], moved_at = now()
        WHERE consumer = for_consumer AND partition = partitions[i]
          AND next_offset = from_offsets[i] AND epoch = epochs[i];
        IF NOT FOUND THEN
            IF EXISTS (SELECT FROM checkpoints WHERE consumer = for_consumer
                       AND partition = partitions[i] AND next_offset = from_offsets[i]) THEN
                RAISE EXCEPTION 'partition % of % is fed to other generations now',
                    partitions[i], for_consumer USING ERRCODE = 'BK002';
            END IF;
            RAISE EXCEPTION 'checkpoint of % partition % is not at %',
                for_consumer, partitions[i], from_offsets[i] USING ERRCODE = 'BK001';
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd

ALTER TABLE generations
    -- Fed by the live consumer, and so level with all others that are.
    ADD COLUMN attached boolean NOT NULL DEFAULT true,
    -- What it is made of, so that it can be dropped also by code that no longer
    -- knows its version.
    ADD COLUMN tables text[] NOT NULL DEFAULT '{}';
UPDATE generations SET tables = CASE projection
    WHEN 'catalog' THEN ARRAY['catalog_books_g', 'catalog_deleted_g']
    WHEN 'history' THEN ARRAY['history_entries_g']
END;
UPDATE generations SET tables = (SELECT array_agg(t || generation) FROM unnest(tables) AS t);

-- Each rebuild there was. What it has copied is in the checkpoints of the
-- consumer <projection>/<generation>; everything else that a successor needs to
-- go on after a crash is here.
CREATE TABLE rebuilds (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection         text   NOT NULL,
    generation         bigint NOT NULL,          -- that it makes
    version            int    NOT NULL,          -- of the projection's code
    replaces           bigint,                   -- the active generation when it began; null: there was none
    phase              text   NOT NULL CHECK (phase IN ('copying', 'indexing', 'catching_up', 'verifying', 'differs',
                                                        'switching', 'switched', 'cancelled', 'failed')),
    wish               text   NOT NULL DEFAULT 'run' CHECK (wish IN ('run', 'pause', 'cancel')),
    accept_diff        boolean NOT NULL DEFAULT false,
    max_query_slowdown double precision CHECK (max_query_slowdown > 1),
    -- What the owner tells of itself, about once a second.
    owner              text   NOT NULL DEFAULT '',
    paused             boolean NOT NULL DEFAULT false,
    events_done        bigint NOT NULL DEFAULT 0,
    events_total       bigint NOT NULL DEFAULT 0,
    phase_share        double precision,         -- of the present phase, 0 to 1; null: not known
    detail             text   NOT NULL DEFAULT '', -- such as the index that is being made
    query_p99_before   double precision,         -- milliseconds; null: not measured
    query_p99_now      double precision,
    given_way          double precision NOT NULL DEFAULT 0, -- seconds it has waited for the sake of queries
    trouble            text   NOT NULL DEFAULT '', -- why it can't get on, or has failed
    verification       jsonb,
    phases             jsonb  NOT NULL DEFAULT '[]', -- [{"phase", "seconds"}] of those that are over
    started_at         timestamptz NOT NULL DEFAULT now(),
    phase_started_at   timestamptz NOT NULL DEFAULT now(),
    reported_at        timestamptz NOT NULL DEFAULT now(),
    finished_at        timestamptz
);
CREATE UNIQUE INDEX rebuilds_one_at_a_time ON rebuilds (projection) WHERE finished_at IS NULL;

-- Records that could not be applied, and those of the same book behind them, as
-- they lie in the log. Discarded ones stay, so that no rebuild parks them again.
CREATE TABLE parked_records (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer      text   NOT NULL,       -- the projection, or commands
    generation    bigint NOT NULL,
    topic         text   NOT NULL,
    partition     int    NOT NULL,
    record_offset bigint NOT NULL,
    recorded_at   timestamptz NOT NULL,  -- the record's timestamp
    record_key    bytea,
    record_value  bytea,
    header_keys   bytea[] NOT NULL,      -- in order; bytes, as nothing says they are text
    header_values bytea[] NOT NULL,
    book_id       bigint,                -- where the key is one
    poison        boolean NOT NULL,      -- false: only held back, as an earlier one of its key is parked
    error         text   NOT NULL,       -- the last one; of a held one, why it is held
    tries         int    NOT NULL DEFAULT 1,
    parked_at     timestamptz NOT NULL DEFAULT now(),
    tried_at      timestamptz NOT NULL DEFAULT now(),
    request       text CHECK (request IN ('retry', 'discard')), -- of an operator; done by the partition's owner
    discarded_at  timestamptz,
    UNIQUE (consumer, generation, partition, record_offset)
);
CREATE INDEX parked_records_of_book ON parked_records (consumer, generation, book_id) WHERE discarded_at IS NULL;
CREATE INDEX parked_records_requests ON parked_records (consumer, partition) WHERE request IS NOT NULL;

-- How long queries took, while a rebuild wants to know: a row per process that
-- answers queries and second. Lost in a crash of PostgreSQL, which is fine.
CREATE UNLOGGED TABLE query_windows (
    process  text        NOT NULL,
    began_at timestamptz NOT NULL,
    counts   bigint[]    NOT NULL, -- queries by bucket of a logarithmic histogram
    PRIMARY KEY (process, began_at)
);
