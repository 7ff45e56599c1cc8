package embedded_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"bookstore/internal/embedded"
)

func TestKilledHomeKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	var events, rows []string
	for round := range 3 {
		p := startHomeProcess(t, dir, nil)
		if round == 0 {
			createTopic(t, p.Kafka, "books", nil)
			mustQuery(t, p.Database, "CREATE TABLE books (title text)")
		}
		newEvents, newRows := writeUntilKilled(t, p, round)
		events, rows = append(events, newEvents...), append(rows, newRows...)
	}

	p := startHomeProcess(t, dir, nil)
	require.Subset(t, readPartition(t, p.Kafka, "books", 0), events)
	for _, row := range rows {
		require.Equal(t, row, mustQuery(t, p.Database, "SELECT title FROM books WHERE title = $1", row))
	}
}

// writeUntilKilled writes to both services, kills them at it, and returns what
// they had acknowledged.
func writeUntilKilled(t *testing.T, p *homeProcess, round int) (events, rows []string) {
	t.Helper()
	const enough = 50
	producer, err := sarama.NewSyncProducer([]string{p.Kafka}, noRetries())
	require.NoError(t, err)
	defer producer.Close()
	conn, err := pgx.Connect(t.Context(), p.Database)
	require.NoError(t, err)
	defer conn.Close(t.Context())

	var writers, busy sync.WaitGroup
	busy.Add(2)
	writers.Go(func() {
		for i := 0; ; i++ {
			value := fmt.Sprintf("event %d of round %d", i, round)
			if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "books", Value: sarama.StringEncoder(value)}); err != nil {
				return
			}
			if events = append(events, value); len(events) == enough {
				busy.Done()
			}
		}
	})
	writers.Go(func() {
		for i := 0; ; i++ {
			title := fmt.Sprintf("book %d of round %d", i, round)
			if _, err := conn.Exec(t.Context(), "INSERT INTO books VALUES ($1)", title); err != nil {
				return
			}
			if rows = append(rows, title); len(rows) == enough {
				busy.Done()
			}
		}
	})
	busy.Wait()
	p.kill(t)
	writers.Wait()

	return events, rows
}

func noRetries() *sarama.Config {
	cfg := kafkaConfig()
	cfg.Producer.Retry.Max = 1 // idempotence wants one at least
	cfg.Metadata.Retry.Max = 0

	return cfg
}

func TestHomeKilledInItsFirstStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	cmd := homeCommand(t, dir, nil)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		halfMade, _ := filepath.Glob(filepath.Join(dir, "postgres", "initdb-*", "PG_VERSION"))
		return len(halfMade) > 0
	}, 30*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	h := startHome(t, dir)
	require.Equal(t, "1", mustQuery(t, h.Database, "SELECT '1'"))
	halfMade, err := filepath.Glob(filepath.Join(dir, "postgres", "initdb-*"))
	require.NoError(t, err)
	require.Empty(t, halfMade)
}

func TestHomeIsTakenOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	p := startHomeProcess(t, dir, nil)

	_, err := embedded.LockDir(dir)
	var inUse *embedded.DataDirInUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, p.cmd.Process.Pid, inUse.PID)

	p.kill(t)
	lock, err := embedded.LockDir(dir)
	require.NoError(t, err, "the kernel gives up a killed process's lock")
	require.NoError(t, lock.Release())
}

func TestTwoHomesAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := startHome(t, filepath.Join(dir, "one")), startHome(t, filepath.Join(dir, "two"))
	for _, h := range []*home{one, two} {
		createTopic(t, h.Kafka, "books", nil)
		mustQuery(t, h.Database, "CREATE TABLE books (title text)")
	}
}

func TestHomeOfAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	parent := publicDir(t)
	var credential *syscall.Credential
	if os.Geteuid() == 0 {
		const nobody = 65534
		credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		require.NoError(t, os.Chown(parent, nobody, nobody))
	}
	dir := filepath.Join(parent, "home")

	for range 2 {
		p := startHomeProcess(t, dir, credential)
		require.Equal(t, "bookstore", mustQuery(t, p.Database, "SELECT current_user::text"))
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
		require.NoError(t, p.cmd.Wait())
	}
}

// Root's PostgreSQL belongs to another user, who may not enter t.TempDir() but
// may enter publicDir; the other tests have the first case only.
func TestHomeInAPublicDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(publicDir(t), "home")
	h := startHome(t, dir)
	socketDir := mustQuery(t, h.Database, "SHOW unix_socket_directories")
	require.Equal(t, strconv.Quote(filepath.Join(dir, "postgres", "run")), socketDir)
}

func TestInterruptOfTheGroupSparesPostgres(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "home")
	p := startHomeProcess(t, dir, nil)
	group, err := syscall.Getpgid(postmasterPID(t, filepath.Join(dir, "postgres")))
	require.NoError(t, err)
	require.NotEqual(t, p.cmd.Process.Pid, group)

	require.NoError(t, syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT))
	require.NoError(t, p.cmd.Wait(), "it closes both and says so")
}
