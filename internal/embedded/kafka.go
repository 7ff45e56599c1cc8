package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// clusterID is what clients see as the id of the Kafka cluster, at each start
// the same.
const clusterID = "bookstore-embedded"

// KafkaConfig says which in-process broker to run.
type KafkaConfig struct {
	// DataDir is made when it is missing and used by this broker alone. The
	// caller holds the lock (LockDir) of it or of a directory above it.
	DataDir string

	// Port of 127.0.0.1 to listen on; 0 takes any free one.
	Port int

	Logger *slog.Logger
}

// Kafka is a running in-process broker.
type Kafka struct {
	cluster  *kfake.Cluster
	addr     string
	listener *inProcessListener
}

// StartKafka runs a Kafka cluster of one broker in this process and returns
// once it serves what was in cfg.DataDir. The error is a *PortInUseError when
// something else listens on the port.
//
// A produce request is answered after its records are synced to disk, so what
// was acknowledged outlives a kill.
func StartKafka(ctx context.Context, cfg KafkaConfig) (*Kafka, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create Kafka's data directory: %w", err)
	}
	if err := forgetMembers(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("forget members of consumer groups: %w", err)
	}

	started := time.Now()
	var listener *inProcessListener // one broker, so one listener
	cluster, err := kfake.NewCluster(
		kfake.Ports(cfg.Port),
		kfake.ListenFn(func(network, address string) (net.Listener, error) {
			var err error
			listener, err = listenInProcess(network, address)
			return listener, err
		}),
		kfake.DataDir(cfg.DataDir),
		kfake.SyncWrites(),
		kfake.ClusterID(clusterID),
		// Apache Kafka's defaults. Sarama asks for 10 s.
		kfake.GroupMinSessionTimeout(6*time.Second),
		kfake.GroupMaxSessionTimeout(30*time.Minute),
		kfake.WithLogger(kfakeLogger{cfg.Logger}),
	)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &PortInUseError{Key: "embedded.kafka_port", Port: cfg.Port, Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("start Kafka broker on %s: %w", cfg.DataDir, err)
	}

	// Loading went through the whole log in memory, which is not needed again:
	// records are read from disk when they are fetched.
	debug.FreeOSMemory()

	k := &Kafka{cluster: cluster, addr: cluster.ListenAddrs()[0], listener: listener}
	if err := forgetSequences(cfg.DataDir); err != nil {
		k.Close()
		return nil, fmt.Errorf("forget sequences of producers: %w", err)
	}
	cfg.Logger.DebugContext(ctx, "Kafka broker runs", "addr", k.Addr(), "loaded_in", time.Since(started))

	return k, nil
}

// forgetMembers removes who was in which consumer group when the broker was
// closed. Those consumers ended with their process; restored, they would hold
// their partitions until their session timed out. Committed offsets are kept
// elsewhere.
func forgetMembers(dataDir string) error {
	return removeIfThere(filepath.Join(dataDir, "session_state.json"))
}

// forgetSequences removes the producers' sequence numbers that were saved at
// the last Close and are loaded now. After a kill they would be loaded again,
// outdated, and a producer in another process that outlived the broker would
// have its next batch refused as out of order.
func forgetSequences(dataDir string) error {
	return removeIfThere(filepath.Join(dataDir, "seq_windows.json"))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}

	return nil
}

// Addr is the broker's address, host:port.
func (k *Kafka) Addr() string { return k.addr }

// Dial connects a client in this process to the broker, without TCP; other
// addresses are dialled as usual. It implements golang.org/x/net/proxy.Dialer.
func (k *Kafka) Dial(network, addr string) (net.Conn, error) {
	if addr == k.addr {
		return k.listener.dial()
	}
	return net.Dial(network, addr) //nolint:noctx // the interface has no context
}

// Close stops the broker. Requests in flight go unanswered, so close its
// clients first.
func (k *Kafka) Close() { k.cluster.Close() }

// kfakeLogger passes on what needs attention. The broker's informational
// lines are about single requests.
type kfakeLogger struct{ logger *slog.Logger }

func (l kfakeLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if ctx := context.Background(); l.logger.Enabled(ctx, to) {
		l.logger.Log(ctx, to, "Kafka broker reports", "report", fmt.Sprintf(format, args...))
	}
}
