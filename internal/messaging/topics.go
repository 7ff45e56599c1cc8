package messaging

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"bookstore/internal/events"
)

// Names of the topic settings that the promises rest on.
const (
	settingRetention      = "retention.ms"
	settingRetentionBytes = "retention.bytes"
	settingCleanup        = "cleanup.policy"
	settingMinInSync      = "min.insync.replicas"
)

const unlimited = "-1"

// desiredReplicas is how many copies a new topic gets where there are brokers
// enough: one can be lost, and another be restarted, without losing a record.
const desiredReplicas = 3

// EnsureTopics creates the topics that are missing and checks those that are
// there, with the given number of partitions each. It is safe to run in several
// processes at once: whoever is second finds them created.
//
// Topics that would break a promise are reported all at once, as [*TopicFaults],
// and not altered: that is for the operator, who may share them with others.
func EnsureTopics(ctx context.Context, cfg Config, specs []events.TopicSpec, partitions int) error {
	client, err := newClient(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)

	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("list Kafka brokers: %w: %w", events.ErrLogUnavailable, err)
	}
	replicas := min(desiredReplicas, len(brokers))
	for _, spec := range specs {
		if err := createTopic(ctx, admin, spec, partitions, replicas); err != nil {
			return err
		}
	}

	var found TopicFaults
	for _, spec := range specs {
		topic, err := describeTopic(ctx, admin, spec.Name)
		if err != nil {
			return err
		}
		for _, fault := range topic.faults(spec, partitions) {
			fault.Brokers = cfg.Brokers
			found.Faults = append(found.Faults, fault)
		}
	}
	if len(found.Faults) > 0 {
		return &found
	}
	return nil
}

func createTopic(ctx context.Context, admin *kadm.Client, spec events.TopicSpec, partitions, replicas int) error {
	// With three copies two must have a record before it counts as written. With
	// fewer, asking for two would stop all writes as soon as one broker restarts.
	inSync := "1"
	if replicas >= desiredReplicas {
		inSync = "2"
	}
	settings := map[string]*string{
		settingRetention:      new(retentionSetting(spec.Retention)),
		settingRetentionBytes: new(unlimited),
		settingCleanup:        new("delete"),
		settingMinInSync:      &inSync,
	}
	_, err := admin.CreateTopic(ctx, int32(partitions), int16(replicas), settings, spec.Name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", spec.Name, err)
	}
	return nil
}

func retentionSetting(d time.Duration) string {
	if d == events.KeepForever {
		return unlimited
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}

// topic is a topic as the broker describes it.
type topic struct {
	partitions, replicas int
	settings             map[string]string
}

// describeTopic waits until all brokers know the topic: one that has just been
// created is not known everywhere at once.
func describeTopic(ctx context.Context, admin *kadm.Client, name string) (topic, error) {
	for {
		t, err := tryDescribe(ctx, admin, name)
		if !kerr.IsRetriable(err) { // as "unknown topic" is
			return t, err
		}
		wait(ctx, firstBackoff)
		if ctx.Err() != nil {
			return t, fmt.Errorf("describe topic %s: %w: %w", name, events.ErrLogUnavailable, err)
		}
	}
}

func tryDescribe(ctx context.Context, admin *kadm.Client, name string) (topic, error) {
	t := topic{settings: make(map[string]string)}
	details, err := admin.ListTopics(ctx, name)
	if err == nil {
		err = details[name].Err
	}
	if err != nil {
		return t, fmt.Errorf("describe topic %s: %w", name, err)
	}
	configs, err := admin.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return t, fmt.Errorf("describe settings of topic %s: %w", name, err)
	}
	config, err := configs.On(name, nil)
	if err == nil {
		err = config.Err
	}
	if err != nil {
		return t, fmt.Errorf("describe settings of topic %s: %w", name, err)
	}
	t.partitions = len(details[name].Partitions)
	t.replicas = details[name].Partitions.NumReplicas()
	for _, c := range config.Configs {
		t.settings[c.Key] = c.MaybeValue()
	}
	return t, nil
}

// faults returns what about a topic would break a promise.
func (t topic) faults(spec events.TopicSpec, partitions int) []TopicFault {
	var faults []TopicFault
	wrong := func(setting, have, want, why string) {
		faults = append(faults, TopicFault{Topic: spec.Name, Setting: setting, Have: have, Want: want, Why: why})
	}
	if t.partitions != partitions {
		wrong(settingPartitions, strconv.Itoa(t.partitions), strconv.Itoa(partitions),
			"a book's records would be spread over different partitions before and after, out of order")
	}
	if policy := t.settings[settingCleanup]; policy != "delete" {
		wrong(settingCleanup, policy, "delete", "compaction drops all but the last record of a key")
	}
	if have := t.settings[settingRetention]; !keepsFor(have, spec.MinRetention) {
		wrong(settingRetention, have, retentionSetting(spec.Retention), "records would be deleted that are still needed")
	}
	if have := t.settings[settingRetentionBytes]; spec.MinRetention != 0 && have != unlimited {
		wrong(settingRetentionBytes, have, unlimited, "records would be deleted by size, however young")
	}
	switch inSync, _ := strconv.Atoi(t.settings[settingMinInSync]); {
	case t.replicas >= desiredReplicas && inSync < 2:
		wrong(settingMinInSync, t.settings[settingMinInSync], "2", "a write would be confirmed that the loss of one broker undoes")
	case inSync > t.replicas:
		wrong(settingMinInSync, t.settings[settingMinInSync], strconv.Itoa(max(1, t.replicas-1)), "there are not as many copies: nothing could be written")
	}
	return faults
}

// keepsFor says whether a retention.ms is at least a duration.
func keepsFor(setting string, least time.Duration) bool {
	if setting == unlimited || least == 0 {
		return true
	}
	ms, err := strconv.ParseInt(setting, 10, 64)
	return err == nil && least != events.KeepForever && ms >= least.Milliseconds()
}
