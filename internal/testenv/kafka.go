package testenv

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
)

// brokersVariable names the Kafka that tests use instead of the in-process
// one.
const brokersVariable = "BOOKSTORE_TEST_BROKERS"

// Brokers returns the addresses, host:port, of the Kafka for tests. All tests
// of the binary share it, and with BOOKSTORE_TEST_BROKERS earlier runs too:
// begin the names of topics and groups with Name.
func Brokers(t testing.TB) []string {
	t.Helper()
	requireMain(t)
	if given := os.Getenv(brokersVariable); given != "" {
		return strings.Split(given, ",")
	}
	b, err := shared.sharedBroker()
	require.NoError(t, err, "start Kafka broker for tests")

	return b.addrs
}

// broker is the in-process Kafka, with nothing on disk.
type broker struct {
	addrs []string
	close func()
}

func (e *environment) sharedBroker() (*broker, error) {
	e.once.broker.Do(func() {
		var cluster *kfake.Cluster
		cluster, e.kafkaErr = kfake.NewCluster(
			kfake.NumBrokers(1),
			// Tests of a consumer that vanishes should not wait for Kafka's
			// usual minimum of 6 s.
			kfake.GroupMinSessionTimeout(100*time.Millisecond),
		)
		if e.kafkaErr != nil {
			return
		}
		e.broker = &broker{addrs: cluster.ListenAddrs(), close: cluster.Close}
	})

	return e.broker, e.kafkaErr
}
