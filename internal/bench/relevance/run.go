package relevance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"bookstore/internal/query"
)

// Config says what to measure.
type Config struct {
	Books   []Book
	Seed    uint64 // another one makes other queries
	Queries int    // of each kind and half, at most; at least 1
	HeldOut bool   // measure the held-out half as well
	Misses  int    // examples of each kind, from the tuning half

	Logger *slog.Logger
	// Progress is told what begins.
	Progress func(what string)
}

// Faults of a [Config].
var (
	ErrNoBooks    = errors.New("there are no books")
	ErrFewQueries = errors.New("too few queries: at least 1")
)

// timeout is how long the database may work on a query: as long as in the service,
// which gives a query that takes longer no answer.
const timeout = 2 * time.Second

// askers is how many ask at once.
func askers() int { return 2 * runtime.GOMAXPROCS(0) }

// Run loads the books and asks for them. It fails with faults of the configuration,
// or with what the database failed with.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	if len(cfg.Books) == 0 {
		return Report{}, ErrNoBooks
	}
	if cfg.Queries < 1 {
		return Report{}, ErrFewQueries
	}
	cfg.Progress(fmt.Sprintf("loading %d books into a PostgreSQL of its own", len(cfg.Books)))
	l, err := openLibrary(ctx, cfg.Books, cfg.Logger)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, l.close(context.WithoutCancel(ctx))) }()

	r := &run{
		cfg: cfg, books: newCatalogue(cfg.Books),
		search: &query.Catalog{Pool: l.pool, Timeout: timeout},
	}
	halves := []Half{Tuning}
	if cfg.HeldOut {
		halves = append(halves, HeldOut)
	}
	report = Report{Books: len(cfg.Books), Seed: cfg.Seed}
	for _, h := range halves {
		result, err := r.measure(ctx, h)
		if err != nil {
			return Report{}, err
		}
		report.Halves = append(report.Halves, result)
	}
	return report, nil
}

type run struct {
	cfg    Config
	books  *catalogue
	search *query.Catalog
}

func (r *run) measure(ctx context.Context, of Half) (Result, error) {
	result := Result{Half: of}
	for _, k := range kinds {
		r.cfg.Progress(fmt.Sprintf("asking, %s half: %s", of, k.name))
		queries := r.books.queries(k, of, r.cfg.Queries, r.cfg.Seed)
		answers, err := r.ask(ctx, queries)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", k.name, err)
		}
		result.Kinds = append(result.Kinds, score(k, queries, answers))
		if of == Tuning {
			result.Misses = append(result.Misses, r.misses(k, queries, answers)...)
		}
	}
	return result, nil
}

// answer is what came for a query.
type answer struct {
	rank    int     // of the wanted book, from 1; 0: it did not come
	came    []int64 // the books
	tooSlow bool
}

// depth is how many books are asked for.
const depth = 10

// ask asks all queries; the answers are in their order.
func (r *run) ask(ctx context.Context, queries []asked) ([]answer, error) {
	answers := make([]answer, len(queries))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(askers())
	for i, q := range queries {
		asking.Go(func() error {
			page, err := r.search.Search(ctx, query.SearchRequest{Query: q.text, Limit: depth})
			if errors.Is(err, query.ErrTooSlow) {
				answers[i].tooSlow = true
				return nil
			}
			if err != nil {
				return fmt.Errorf("search %q: %w", q.text, err)
			}
			for place, b := range page.Books {
				answers[i].came = append(answers[i].came, b.ID)
				if b.ID == q.book {
					answers[i].rank = place + 1
				}
			}
			return nil
		})
	}
	return answers, asking.Wait()
}

// seen is how many results people look at.
const seen = 5

func score(k kind, queries []asked, answers []answer) Score {
	if len(queries) == 0 { // no book can be asked for like that
		return Score{Kind: k.name, Met: true}
	}
	s := Score{Kind: k.name, Queries: len(queries), Wanted5: k.wanted5, Wanted1: k.wanted1}
	each := 1 / float64(len(queries))
	for i, a := range answers {
		if a.rank == 1 {
			s.Success1 += each
		}
		if a.rank > 0 && a.rank <= seen {
			s.Success5 += each
		}
		if a.rank > 0 {
			s.MRR += each / float64(a.rank)
		}
		if a.tooSlow {
			s.TooSlow++
		}
		alike := float64(max(queries[i].alike, 1))
		s.Alone1 += each * min(1, 1/alike)
		s.Alone5 += each * min(1, seen/alike)
	}
	const rounding = 1e-9 // a thousand times 0.001 is not quite 1
	s.Met = s.Success5 >= s.Wanted5-rounding && s.Success1 >= s.Wanted1-rounding
	return s
}

// misses are the first ones of a kind.
func (r *run) misses(k kind, queries []asked, answers []answer) []Miss {
	const shown = 3
	var missed []Miss
	for i, a := range answers {
		if len(missed) == r.cfg.Misses {
			break
		}
		if a.rank > 0 && a.rank <= seen {
			continue
		}
		m := Miss{Kind: k.name, Query: queries[i].text, Wanted: r.describe(queries[i].book), Rank: a.rank, Came: []string{}}
		for _, id := range a.came[:min(shown, len(a.came))] {
			m.Came = append(m.Came, r.describe(id))
		}
		missed = append(missed, m)
	}
	return missed
}

func (r *run) describe(id int64) string {
	b := r.books.books[id-1]
	return fmt.Sprintf("%q by %s", b.Title, b.Author)
}
