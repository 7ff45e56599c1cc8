-- +goose Up

-- What became of each command: the write side's whole state. The head of a
-- book's history is its accepted decision with the highest version; what a
-- resent command is answered with is its row; and a row whose event has no
-- offset yet is the outbox.
CREATE TABLE decisions (
    command_id       text        PRIMARY KEY,
    command_type     text        NOT NULL,
    command_hash     text        NOT NULL,
    partition        int         NOT NULL, -- where the command lies
    command_offset   bigint      NOT NULL,
    book_id          bigint      NOT NULL,
    -- Of the book after this decision; a rejection leaves it as it was, 0 where
    -- there is no such book.
    version          bigint      NOT NULL,
    rejection        text,                 -- null: accepted
    deleted          boolean     NOT NULL, -- the book, after this decision
    created_at       timestamptz,          -- the book; null where there is no such book
    decided_at       timestamptz NOT NULL, -- the command's own time, so that deciding again gives the same
    -- The event, until it has been published; then only where it lies.
    event_value      bytea,
    event_headers    bytea,                -- JSON array of {"Key","Value"}, in order
    event_partition  int,
    event_offset     bigint
) WITH (
    -- Each row is updated once, when its event has been published.
    fillfactor = 70
);

-- One history per book: of two decisions that both make version 7 of a book,
-- the database takes one, whatever partitions or processes they came from.
CREATE UNIQUE INDEX decisions_one_history ON decisions (book_id, version) WHERE rejection IS NULL;
CREATE INDEX decisions_outbox ON decisions (partition, command_offset) WHERE event_offset IS NULL;

-- Book ids are handed out in blocks, so that creating a book costs no round trip.
CREATE SEQUENCE book_ids AS bigint INCREMENT BY 1000;
