package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"bookstore/internal/config"
	"bookstore/internal/runfile"
)

// URL is where the service answers, for a client on this machine.
func (a *App) URL() string {
	_, port, _ := net.SplitHostPort(a.server.Addr().String())
	return "http://" + net.JoinHostPort("localhost", port)
}

// Brokers are the addresses of Kafka.
func (a *App) Brokers() []string { return a.kafka.Brokers }

// Database is the connection string of PostgreSQL.
func (a *App) Database() string { return a.homes.database }

// Announce says where to look.
func (a *App) Announce(out io.Writer) {
	var b strings.Builder
	line := func(what, where string) { fmt.Fprintf(&b, "  %-10s %s\n", what, where) }
	b.WriteString("bookstore is ready\n")
	if a.cfg.Has(config.RoleAPI) {
		line("bookstore", a.URL())
		line("operations", a.URL()+"/operations")
		line("API", a.URL()+"/api/books")
	}
	line("docs", a.URL()+"/docs")
	line("Kafka", strings.Join(a.Brokers(), ","))
	if a.homes.postgres != nil {
		line("database", a.homes.postgres.PsqlLine())
	} else {
		line("database", net.JoinHostPort(a.cfg.DB.Host, strconv.Itoa(a.cfg.DB.Port))+"/"+a.cfg.DB.Database)
	}
	if a.cfg.Has(config.RoleAPI) {
		line("try", "curl '"+a.URL()+"/api/books?q=whale'")
	}
	line("stop", "Ctrl-C")
	_, _ = io.WriteString(out, b.String()) // a closed terminal is no reason to stop
}

// writeRunFile lets tools that are given the same data directory find what is
// embedded. Without anything there, there is nothing to find.
func (a *App) writeRunFile() error {
	if !a.keepsFiles() {
		return nil
	}
	info := runfile.Info{URL: a.URL(), Brokers: a.Brokers(), Database: a.Database(), PID: os.Getpid()}
	if err := runfile.Write(a.cfg.App.DataDir, info); err != nil {
		return err
	}
	a.onClose("remove the run file", func(context.Context) error { return runfile.Remove(a.cfg.App.DataDir) })
	return nil
}
