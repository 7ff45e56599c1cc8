package rebuild

import "github.com/prometheus/client_golang/prometheus"

// What a rebuild tells of itself as metrics, at last look; nothing while there is
// none.
var (
	phaseDesc = prometheus.NewDesc("bookstore_rebuild_phase", "1 for the phase that an unfinished rebuild is in.", []string{"projection", "phase"}, nil)
	doneDesc  = prometheus.NewDesc("bookstore_rebuild_events_done", "Events that an unfinished rebuild has copied.", []string{"projection"}, nil)
	totalDesc = prometheus.NewDesc("bookstore_rebuild_events_total", "Events that an unfinished rebuild is to copy, as far as it knows.", []string{"projection"}, nil)
	yieldDesc = prometheus.NewDesc("bookstore_rebuild_given_way_seconds", "Time that an unfinished rebuild has waited for the sake of queries.", []string{"projection"}, nil)
)

// Describe implements [prometheus.Collector].
func (*Rebuilder) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{phaseDesc, doneDesc, totalDesc, yieldDesc} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (r *Rebuilder) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.seen {
		to <- prometheus.MustNewConstMetric(phaseDesc, prometheus.GaugeValue, 1, b.Projection, string(b.Phase))
		to <- prometheus.MustNewConstMetric(doneDesc, prometheus.GaugeValue, float64(b.EventsDone), b.Projection)
		to <- prometheus.MustNewConstMetric(totalDesc, prometheus.GaugeValue, float64(b.EventsTotal), b.Projection)
		to <- prometheus.MustNewConstMetric(yieldDesc, prometheus.GaugeValue, b.GivenWay, b.Projection)
	}
}
