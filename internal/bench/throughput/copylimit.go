package throughput

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"bookstore/internal/projection"
)

// copyLimit is what restoring a backup of the finished tables takes: COPY into
// bare tables, then the primary keys and the other indexes, one after the other as
// pg_restore makes them, or all at once as it does with --jobs.
//
// As pg_restore does with --jobs, a table is emptied in the transaction that fills
// it: PostgreSQL then needs no log of the rows where there are no replicas.
func (w *worker) copyLimit(ctx context.Context) (Outcome, error) {
	tables := (projection.Catalog{}).Tables()
	indexes := (projection.Catalog{}).Indexes(w.Generation)
	if err := w.strip(ctx, tables, indexes); err != nil {
		return Outcome{}, err
	}
	restore := &restoreRun{worker: w}
	began := time.Now()
	for _, table := range tables {
		if err := restore.step("COPY "+table.Name, func() error { return w.copyIn(ctx, table) }); err != nil {
			return Outcome{}, err
		}
	}
	makeIndexes := restore.oneByOne
	if w.Parallel {
		makeIndexes = restore.atOnce
	}
	if err := makeIndexes(ctx, tables, indexes); err != nil {
		return Outcome{}, err
	}
	return Outcome{Events: w.Events, Seconds: time.Since(began).Seconds(), Steps: restore.steps}, nil
}

// strip leaves nothing of the tables but their columns.
func (w *worker) strip(ctx context.Context, tables []projection.Table, indexes []projection.Index) error {
	for _, index := range indexes {
		if _, err := w.pool.Exec(ctx, `DROP INDEX `+index.Name); err != nil {
			return fmt.Errorf("drop index: %w", err)
		}
	}
	for _, table := range tables {
		name := projection.TableName(table.Name, w.Generation)
		if _, err := w.pool.Exec(ctx, `ALTER TABLE `+name+` DROP CONSTRAINT `+primaryKey(name)); err != nil {
			return fmt.Errorf("drop primary key: %w", err)
		}
	}
	return nil
}

// primaryKey is the name that PostgreSQL gives to a table's primary key.
func primaryKey(table string) string { return table + "_pkey" }

// fileOf is where the rows of a table are.
func fileOf(file, table string) string { return file + "." + table }

func (w *worker) copyIn(ctx context.Context, table projection.Table) error {
	file, err := os.Open(fileOf(w.File, table.Name))
	if err != nil {
		return err
	}
	defer file.Close()
	name := projection.TableName(table.Name, w.Generation)
	err = pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `TRUNCATE `+name); err != nil {
			return err
		}
		_, err := tx.Conn().PgConn().CopyFrom(ctx, bufio.NewReaderSize(file, 1<<20), `COPY `+name+` FROM STDIN`)
		return err
	})
	if err != nil {
		return fmt.Errorf("copy into %s: %w", name, err)
	}
	return nil
}

// copyOut writes the rows of a generation to files, in COPY's text format.
func copyOut(ctx context.Context, pool *pgxpool.Pool, generation int64, file string) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	for _, table := range (projection.Catalog{}).Tables() {
		out, err := os.OpenFile(fileOf(file, table.Name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		name := projection.TableName(table.Name, generation)
		_, err = conn.Conn().PgConn().CopyTo(ctx, out, `COPY `+name+` TO STDOUT`)
		if err := errors.Join(err, out.Close()); err != nil {
			return fmt.Errorf("copy out of %s: %w", name, err)
		}
	}
	return nil
}

// restoreRun notes how long each step takes.
type restoreRun struct {
	*worker
	steps []Step
}

func (r *restoreRun) step(name string, do func() error) error {
	began := time.Now()
	err := do()
	r.steps = append(r.steps, Step{Name: name, Seconds: time.Since(began).Seconds()})
	return err
}

// exec makes an index.
func (r *restoreRun) exec(ctx context.Context, sql string) error {
	if _, err := r.pool.Exec(ctx, sql); err != nil {
		return fmt.Errorf("make index: %w", err)
	}
	return nil
}

func (r *restoreRun) oneByOne(ctx context.Context, tables []projection.Table, indexes []projection.Index) error {
	for _, table := range tables {
		name := projection.TableName(table.Name, r.Generation)
		err := r.step("primary key of "+table.Name, func() error {
			return r.exec(ctx, `ALTER TABLE `+name+` ADD PRIMARY KEY (`+strings.Join(table.Key, ", ")+`)`)
		})
		if err != nil {
			return err
		}
	}
	for _, index := range indexes {
		if err := r.step("index "+index.Name, func() error { return r.exec(ctx, index.SQL) }); err != nil {
			return err
		}
	}
	return nil
}

// atOnce makes the primary keys' indexes without their constraints, which would
// lock the others out.
func (r *restoreRun) atOnce(ctx context.Context, tables []projection.Table, indexes []projection.Index) error {
	return r.step("primary keys and indexes at once", func() error {
		makers, making := errgroup.WithContext(ctx)
		for _, table := range tables {
			name := projection.TableName(table.Name, r.Generation)
			makers.Go(func() error {
				return r.exec(making, `CREATE UNIQUE INDEX `+primaryKey(name)+` ON `+name+` (`+strings.Join(table.Key, ", ")+`)`)
			})
		}
		for _, index := range indexes {
			makers.Go(func() error { return r.exec(making, index.SQL) })
		}
		if err := makers.Wait(); err != nil {
			return err
		}
		for _, table := range tables {
			name := projection.TableName(table.Name, r.Generation)
			if err := r.exec(ctx, `ALTER TABLE `+name+` ADD PRIMARY KEY USING INDEX `+primaryKey(name)); err != nil {
				return err
			}
		}
		return nil
	})
}
