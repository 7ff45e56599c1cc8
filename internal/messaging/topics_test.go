package messaging_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"bookstore/internal/events"
	"bookstore/internal/messaging"
	"bookstore/internal/testenv"
)

// bare is a config for the test broker without a topic.
func bare(t *testing.T) messaging.Config {
	t.Helper()
	return messaging.Config{Brokers: testenv.Brokers(t)}
}

func admin(t *testing.T) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(testenv.Brokers(t)...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func TestTopicsAreCreatedAsThePromisesNeed(t *testing.T) {
	t.Parallel()
	prefix := testenv.Name(t)
	specs := events.Topics{Commands: prefix + "-c", Events: prefix + "-e", Searches: prefix + "-s", Opens: prefix + "-o"}.Specs()

	// By several processes at once, and again later.
	var starts sync.WaitGroup
	for range 3 {
		starts.Go(func() {
			require.NoError(t, messaging.EnsureTopics(within(t, soon), bare(t), specs, 4))
		})
	}
	starts.Wait()
	require.NoError(t, messaging.EnsureTopics(within(t, soon), bare(t), specs, 4))

	want := map[string]string{specs[0].Name: "2592000000", specs[1].Name: "-1", specs[2].Name: "-1", specs[3].Name: "-1"}
	for topic, retention := range want {
		configs, err := admin(t).DescribeTopicConfigs(t.Context(), topic)
		require.NoError(t, err)
		have := make(map[string]string)
		explicit := make(map[string]bool)
		for _, c := range configs[0].Configs {
			have[c.Key] = c.MaybeValue()
			explicit[c.Key] = c.Source.String() == "DYNAMIC_TOPIC_CONFIG"
		}
		for setting, value := range map[string]string{
			"retention.ms": retention, "retention.bytes": "-1", "cleanup.policy": "delete", "min.insync.replicas": "1",
		} {
			require.Equal(t, value, have[setting], "%s of %s", setting, topic)
			require.True(t, explicit[setting], "%s of %s does not hang on the broker's default", setting, topic)
		}
	}
}

func TestAllFaultsOfTopicsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	prefix := testenv.Name(t)
	topics := events.Topics{Commands: prefix + "-c", Events: prefix + "-e", Searches: prefix + "-s", Opens: prefix + "-o"}
	create := func(topic string, partitions int32, settings ...string) {
		configs := make(map[string]*string)
		for _, s := range settings {
			key, value, _ := strings.Cut(s, "=")
			configs[key] = &value
		}
		_, err := admin(t).CreateTopic(t.Context(), partitions, 1, configs, topic)
		require.NoError(t, err)
	}
	create(topics.Commands, 4, "retention.ms=604800000", "min.insync.replicas=2")
	create(topics.Events, 3, "retention.ms=31536000000", "retention.bytes=1000000", "cleanup.policy=compact")
	create(topics.Searches, 4, "retention.ms=86400000", "retention.bytes=1000000") // allowed

	err := messaging.EnsureTopics(within(t, soon), bare(t), topics.Specs(), 4)
	var found *messaging.TopicFaults
	require.ErrorAs(t, err, &found)
	type fault struct{ topic, setting, have, want string }
	var have []fault
	for _, f := range found.Faults {
		have = append(have, fault{f.Topic, f.Setting, f.Have, f.Want})
		require.Contains(t, err.Error(), f.String())
		require.Contains(t, err.Error(), f.WayOut())
		if f.Setting != "partitions" {
			require.Contains(t, f.WayOut(), "--entity-name "+f.Topic+" --add-config "+f.Setting+"="+f.Want)
		}
	}
	require.ElementsMatch(t, []fault{
		{topics.Commands, "retention.ms", "604800000", "2592000000"},
		{topics.Commands, "min.insync.replicas", "2", "1"},
		{topics.Events, "partitions", "3", "4"},
		{topics.Events, "cleanup.policy", "compact", "delete"},
		{topics.Events, "retention.ms", "31536000000", "-1"},
		{topics.Events, "retention.bytes", "1000000", "-1"},
	}, have)
}

func TestLongerRetentionIsNoFault(t *testing.T) {
	t.Parallel()
	topic := testenv.Name(t)
	spec := events.TopicSpec{Name: topic, Retention: events.KeepForever, MinRetention: time.Hour}
	require.NoError(t, messaging.EnsureTopics(within(t, soon), bare(t), []events.TopicSpec{spec}, 1))
	spec.Retention = time.Hour
	require.NoError(t, messaging.EnsureTopics(within(t, soon), bare(t), []events.TopicSpec{spec}, 1))
}

func TestEnsureTopicsWithoutABroker(t *testing.T) {
	t.Parallel()
	cfg := bare(t)
	var net testenv.FaultyNet
	net.Cut()
	cfg.Dialer = &net
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, messaging.EnsureTopics(ctx, cfg, events.DefaultTopics().Specs(), 1), events.ErrLogUnavailable)
}
