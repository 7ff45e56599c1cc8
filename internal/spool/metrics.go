package spool

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what an operator watches. Pending records that grow are a broker
// that is away; refusals and damage are records that are lost.
type metrics struct {
	appended        prometheus.Counter
	published       prometheus.Counter
	publishFailures prometheus.Counter
	refused         *prometheus.CounterVec
	damaged         prometheus.Counter
	unpublishable   prometheus.Counter
	syncFailures    prometheus.Counter
	all             []prometheus.Collector
}

func newMetrics(s *Spool) *metrics {
	m := &metrics{}
	spool := prometheus.Labels{"spool": s.config.Name}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: metricName(name), Help: help, ConstLabels: spool})
		m.all = append(m.all, c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metricName(name), Help: help, ConstLabels: spool}, value))
	}

	m.appended = counter("appended_total", "Records put into the spool.")
	m.published = counter("published_total", "Records that the topic acknowledged.")
	m.publishFailures = counter("publish_failures_total", "Batches that the topic did not acknowledge; each is tried again.")
	m.damaged = counter("damaged_total", "Places in the spool at which records were lost.")
	m.unpublishable = counter("unpublishable_total", "Records that the topic will never take, set aside.")
	m.syncFailures = counter("sync_failures_total", "Syncs that failed: a power cut would take more than a second of records.")

	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: metricName("refused_total"), Help: "Records that were not taken and so are never published.", ConstLabels: spool,
	}, []string{"reason"})
	for _, reason := range []string{reasonBound, reasonDiskFull, reasonIO, reasonTooLarge} {
		m.refused.WithLabelValues(reason) // so that it is 0, not absent, before the first
	}
	m.all = append(m.all, m.refused)

	gauge("pending_records", "Records that wait to be published.", func() float64 { return float64(s.Pending().Records) })
	gauge("pending_bytes", "Bytes of the records that wait to be published.", func() float64 { return float64(s.Pending().Bytes) })
	gauge("oldest_pending_seconds", "Age of the oldest record that waits to be published, 0 when none does.",
		func() float64 { return s.Pending().Age.Seconds() })
	gauge("disk_bytes", "Bytes of the spool's segments on disk.", func() float64 { return float64(s.diskBytes()) })
	gauge("max_bytes", "Bytes on disk at which records are refused.", func() float64 { return float64(s.config.MaxBytes) })
	return m
}

func metricName(name string) string { return "bookstore_spool_" + name }

// register adds all metrics or none.
func (m *metrics) register(to prometheus.Registerer) error {
	if to == nil {
		return nil
	}
	for i, c := range m.all {
		if err := to.Register(c); err != nil {
			for _, done := range m.all[:i] {
				to.Unregister(done)
			}
			return fmt.Errorf("register metrics of the spool: %w", err)
		}
	}
	return nil
}

func (m *metrics) unregister(from prometheus.Registerer) {
	if from == nil {
		return
	}
	for _, c := range m.all {
		from.Unregister(c)
	}
}
