package embedded_test

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"bookstore/internal/embedded"
)

func startKafka(t *testing.T, dir string) *embedded.Kafka {
	t.Helper()

	return startKafkaOn(t, dir, 0)
}

func startKafkaOn(t *testing.T, dir string, port int) *embedded.Kafka {
	t.Helper()
	kafka, err := embedded.StartKafka(t.Context(), embedded.KafkaConfig{
		DataDir: dir, Port: port, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(kafka.Close)

	return kafka
}

// kafkaConfig is how the service's own clients are set.
func kafkaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_6_0_0
	cfg.Net.MaxOpenRequests = 1
	cfg.Producer.Idempotent = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Return.Successes = true
	cfg.Producer.Partitioner = sarama.NewManualPartitioner

	return cfg
}

func createTopic(t *testing.T, addr, topic string, config map[string]string) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin([]string{addr}, kafkaConfig())
	require.NoError(t, err)
	defer admin.Close()
	entries := make(map[string]*string)
	for key, value := range config {
		entries[key] = &value
	}
	require.NoError(t, admin.CreateTopic(topic, &sarama.TopicDetail{
		NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: entries,
	}, false))
}

// readPartition returns all values of a partition, in order.
func readPartition(t *testing.T, addr, topic string, partition int32) []string {
	t.Helper()
	client, err := sarama.NewClient([]string{addr}, kafkaConfig())
	require.NoError(t, err)
	defer client.Close()
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	require.NoError(t, err)
	consumer, err := sarama.NewConsumerFromClient(client)
	require.NoError(t, err)
	defer consumer.Close()
	messages, err := consumer.ConsumePartition(topic, partition, sarama.OffsetOldest)
	require.NoError(t, err)
	defer messages.Close()

	var values []string
	for int64(len(values)) < end {
		values = append(values, string((<-messages.Messages()).Value))
	}

	return values
}

func TestKafkaKeepsEverythingOverARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kafka := startKafka(t, dir)
	config := map[string]string{"retention.ms": "-1", "cleanup.policy": "delete", "min.insync.replicas": "1"}
	createTopic(t, kafka.Addr(), "books", config)

	producer, err := sarama.NewSyncProducer([]string{kafka.Addr()}, kafkaConfig())
	require.NoError(t, err)
	var want []string
	for i := range 10 {
		value := fmt.Sprint("event ", i)
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "books", Partition: 1, Value: sarama.StringEncoder(value)})
		require.NoError(t, err)
		want = append(want, value)
	}
	require.NoError(t, producer.Close())
	commitOffset(t, kafka.Addr(), "books", 1, 7)
	kafka.Close()

	again := startKafka(t, dir)
	require.Equal(t, want, readPartition(t, again.Addr(), "books", 1))
	require.EqualValues(t, 7, committedOffset(t, again.Addr(), "books", 1))

	admin, err := sarama.NewClusterAdmin([]string{again.Addr()}, kafkaConfig())
	require.NoError(t, err)
	defer admin.Close()
	topics, err := admin.ListTopics()
	require.NoError(t, err)
	require.EqualValues(t, 2, topics["books"].NumPartitions)
	for key, value := range config {
		require.Equal(t, value, *topics["books"].ConfigEntries[key], key)
	}
}

// commitOffset joins the group and commits as its only member.
func commitOffset(t *testing.T, addr, topic string, partition int32, offset int64) {
	t.Helper()
	group, err := sarama.NewConsumerGroup([]string{addr}, "readers", kafkaConfig())
	require.NoError(t, err)
	require.NoError(t, group.Consume(t.Context(), []string{topic}, offsetCommitter{topic, partition, offset}))
	require.NoError(t, group.Close())
}

// offsetCommitter commits one offset when it is assigned its partitions, and
// reads nothing.
type offsetCommitter struct {
	topic     string
	partition int32
	offset    int64
}

func (c offsetCommitter) Setup(session sarama.ConsumerGroupSession) error {
	session.MarkOffset(c.topic, c.partition, c.offset, "")
	session.Commit()

	return nil
}

func (offsetCommitter) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (offsetCommitter) ConsumeClaim(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim) error {
	return nil
}

func committedOffset(t *testing.T, addr, topic string, partition int32) int64 {
	t.Helper()
	admin, err := sarama.NewClusterAdmin([]string{addr}, kafkaConfig())
	require.NoError(t, err)
	defer admin.Close()
	offsets, err := admin.ListConsumerGroupOffsets("readers", map[string][]int32{topic: {partition}})
	require.NoError(t, err)

	return offsets.GetBlock(topic, partition).Offset
}

func TestKafkaNamesTheKeyOfABusyPort(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port

	_, err = embedded.StartKafka(t.Context(), embedded.KafkaConfig{
		DataDir: t.TempDir(), Port: port, Logger: slog.New(slog.DiscardHandler),
	})
	var inUse *embedded.PortInUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, "embedded.kafka_port", inUse.Key)
	require.Equal(t, port, inUse.Port)
}

// A producer in another process goes on when the broker is back, after a clean
// stop and after a kill that follows one.
func TestKafkaTakesOnFromAProducerThatOutlivesIt(t *testing.T) {
	t.Parallel()
	dir, killed := t.TempDir(), t.TempDir()
	first := startKafka(t, dir)
	createTopic(t, first.Addr(), "books", nil)
	_, portText, err := net.SplitHostPort(first.Addr())
	require.NoError(t, err)
	port, err := strconv.Atoi(portText)
	require.NoError(t, err)

	producer, err := sarama.NewSyncProducer([]string{first.Addr()}, kafkaConfig())
	require.NoError(t, err)
	defer producer.Close()
	var want []string
	send := func() {
		for range 3 {
			value := fmt.Sprint("event ", len(want))
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "books", Value: sarama.StringEncoder(value)})
			require.NoError(t, err)
			want = append(want, value)
		}
	}

	send()
	first.Close()
	second := startKafkaOn(t, dir, port)
	send()
	require.NoError(t, os.CopyFS(killed, os.DirFS(dir)), "what a kill would leave")
	second.Close()

	third := startKafkaOn(t, killed, port)
	send()
	require.Equal(t, want, readPartition(t, third.Addr(), "books", 0))
}
