package projection

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the engines' counters, by consumer.
type Metrics struct {
	records *prometheus.CounterVec
	sizes   *prometheus.HistogramVec
	seconds *prometheus.HistogramVec
	retries *prometheus.CounterVec
	parked  *prometheus.CounterVec
	fenced  *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	consumer := []string{"consumer"}
	m := &Metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bookstore_engine_records_total", Help: "Records applied and committed.",
		}, consumer),
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bookstore_engine_batch_records", Help: "Records per committed transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 7),
		}, consumer),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bookstore_engine_batch_seconds", Help: "Time to apply and commit one batch.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}, consumer),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bookstore_engine_retries_total", Help: "Tries of a batch that failed and were tried again.",
		}, consumer),
		parked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bookstore_engine_poison_records_total", Help: "Records parked because they can't be applied, not counting those held back behind them.",
		}, consumer),
		fenced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bookstore_engine_fenced_total", Help: "Batches undone because another owner had moved the checkpoint.",
		}, consumer),
	}
	registerer.MustRegister(m.records, m.sizes, m.seconds, m.retries, m.parked, m.fenced)
	return m
}

func (m *Metrics) batch(consumer string, records int, took time.Duration) {
	m.records.WithLabelValues(consumer).Add(float64(records))
	m.sizes.WithLabelValues(consumer).Observe(float64(records))
	m.seconds.WithLabelValues(consumer).Observe(took.Seconds())
}
