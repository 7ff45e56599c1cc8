package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bookstore/internal/config"
	"bookstore/internal/importer"
	"bookstore/internal/runfile"
)

// importFlags are those of the command.
type importFlags struct {
	url         string
	format      string
	columns     importer.Columns
	concurrency int
	retryFor    time.Duration
}

func newImportCommand(p *program) *cobra.Command {
	var f importFlags
	known := func(detail string) string { return strings.Join(importer.KnownNames(detail), ", ") }
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Add the books of a CSV or NDJSON file",
		Long: `Add the books of a file to a running bookstore: CSV with the names of the columns
in its first row, or NDJSON, a JSON object a line. "-" reads standard input.

Columns are known by these names, whatever their case; of several the first
counts, others are ignored, and title and author must be there:
  title         ` + known("title") + `
  author        ` + known("author") + `
  published_at  ` + known("published_at") + `
  description   ` + known("description") + `
  isbn          ` + known("isbn") + `
Of the last, all are looked at, on each row. An ISBN whose check digit is wrong is
left out of its book and counted at the end; zeros that a spreadsheet took from its
front are put back.

A row that can't be read, or that the service refuses, is reported with its line
and the rest goes on. A service that is away is asked again for a while. Run
again, the same file adds nothing: a row is known by what it says, its ISBN apart.
So an import that was stopped is finished by running it again, and a book that was
imported without an ISBN is not given one by a file that has it now.

It exits with 1 if a row was rejected or the import did not come to its end.`,
		Example: `  bookstore import books.csv
  bookstore import --title-column name --author-column writer library.csv
  zcat books.ndjson.gz | bookstore import --url http://shop:8080 -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("import takes one FILE, or - for standard input, and got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.runImport(cmd, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "address of the service (default http://localhost:<app.port>)")
	flags.StringVar(&f.format, "format", "", "csv or ndjson (default: by the file's extension, else by what is in it)")
	flags.StringVar(&f.columns.Title, "title-column", "", "name of the column of titles")
	flags.StringVar(&f.columns.Author, "author-column", "", "name of the column of authors")
	flags.StringVar(&f.columns.PublishedAt, "published-at-column", "", "name of the column of publication dates or years")
	flags.StringVar(&f.columns.Description, "description-column", "", "name of the column of descriptions")
	flags.StringVar(&f.columns.ISBN, "isbn-column", "", "name of the column of ISBNs")
	flags.IntVar(&f.concurrency, "concurrency", 64, "requests on their way at once")
	flags.DurationVar(&f.retryFor, "retry-for", time.Minute, "how long a request is tried again while the service is away")
	return cmd
}

func (p *program) runImport(cmd *cobra.Command, path string, f importFlags) error {
	format, err := importer.ParseFormat(f.format)
	switch {
	case err != nil:
		return usage(cmd, "--format: %w", err)
	case f.concurrency < 1 || f.concurrency > 1024:
		return usage(cmd, "--concurrency is %d: give 1 to 1024", f.concurrency)
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	service, err := serviceURL(cmd, f.url, cfg)
	if err != nil {
		return err
	}
	file, size, err := p.openInput(path)
	if err != nil {
		return err
	}
	defer file.Close()

	show := newProgress(p.stderr, size)
	im, err := importer.New(importer.Config{
		File: file, Name: path, Format: format, Columns: f.columns,
		URL: service, Concurrency: f.concurrency, Patience: f.retryFor,
		Rejected: func(bad *importer.RowError) { show.note("line %d: %s", bad.Line, bad.Reason) },
		Waiting:  show.waiting(service, f.retryFor),
	})
	if err != nil {
		return err
	}
	stopShowing := show.start(im.Progress)
	summary, err := im.Run(cmd.Context())
	stopShowing()
	p.printSummary(summary)
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("import of %s stopped; run it again to go on, what is there is not added twice", path)
	case err != nil:
		return fmt.Errorf("import %s: %w", path, err)
	case summary.Rejected > 0:
		return errReported
	}
	return nil
}

// serviceURL returns where the API is.
func serviceURL(cmd *cobra.Command, given string, cfg config.Config) (*url.URL, error) {
	if given == "" && cfg.App.Port == 0 {
		running, err := runfile.Read(cfg.App.DataDir)
		if err != nil {
			return nil, fmt.Errorf("app.port is 0, so that only a running service knows its address: %w; start it, or give --url", err)
		}
		given = running.URL
	}
	if given == "" {
		given = "http://localhost:" + strconv.Itoa(cfg.App.Port)
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usage(cmd, "--url is %q: give something like http://localhost:8080", given)
	}
	return u, nil
}

// openInput returns the file and its size in bytes, 0 where that is not known.
func (p *program) openInput(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(p.stdin), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func (p *program) printSummary(s importer.Summary) {
	if len(s.Ignored) > 0 {
		fmt.Fprintf(p.stderr, "ignored columns: %s\n", printable(strings.Join(s.Ignored, ", ")))
	}
	if s.BadISBNs.Rows > 0 {
		fmt.Fprintf(p.stderr, "%d rows have an ISBN that is none, the first of them on line %d; it was left out\n", s.BadISBNs.Rows, s.BadISBNs.First)
	}
	if s.OtherISBN > 0 {
		fmt.Fprintf(p.stderr, "%d books were there without the ISBN of their row, or with another; they stay as they are\n", s.OtherISBN)
	}
	fmt.Fprintf(p.stdout, "%d imported, %d already there, %d rejected in %s, %.0f rows a second\n",
		s.Added, s.Present, s.Rejected, s.Elapsed.Round(time.Millisecond), float64(s.Rows())/max(s.Elapsed.Seconds(), 1e-3))
}
