package insights

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// KeepUp is how read models follow searches that arrive at a rate.
type KeepUp struct {
	Wanted    float64 `json:"wanted_per_second"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"` // that did arrive
	// Lags are those of each read model.
	Lags           []Lag   `json:"lags"`
	CatchUpSeconds float64 `json:"catch_up_seconds"` // until all was applied after the last one had arrived
}

// Lag is how far a read model was behind.
type Lag struct {
	Projection  string  `json:"projection"`
	Most        int64   `json:"most"`         // searches, at any look
	MostSeconds float64 `json:"most_seconds"` // in which as many arrive
	AtEnd       int64   `json:"at_end"`       // when the last one had arrived
	EndSeconds  float64 `json:"at_end_seconds"`
}

// keepUp has searches arrive, and something else done beside it.
func (l *searchLog) keepUp(ctx context.Context, service *Service, pool *pgxpool.Pool, perSecond float64, length time.Duration, beside func(context.Context) error) (KeepUp, error) {
	result := KeepUp{Wanted: perSecond, Lags: make([]Lag, len(readModels))}
	var lastArrived time.Time
	arrived := make(chan struct{}) // closed then
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(arrived)
		began := time.Now()
		written, err := l.pace(ctx, service.Brokers, perSecond, length)
		lastArrived = time.Now()
		result.Seconds = lastArrived.Sub(began).Seconds()
		result.PerSecond = float64(written) / result.Seconds
		return err
	})
	work.Go(func() error {
		over := false // nothing more arrives
		err := l.follow(ctx, pool, func(at time.Time, now behind) bool {
			select {
			case <-arrived:
				if !over {
					over = true
					for i := range result.Lags {
						result.Lags[i].AtEnd, result.Lags[i].EndSeconds = now[i], float64(now[i])/perSecond
					}
				}
				result.CatchUpSeconds = at.Sub(lastArrived).Seconds()
			default:
			}
			for i, p := range readModels {
				lag := &result.Lags[i]
				lag.Projection = p.Name()
				lag.Most = max(lag.Most, now[i])
				lag.MostSeconds = float64(lag.Most) / perSecond
			}
			return over && now.most() == 0
		})
		return err
	})
	work.Go(func() error { return beside(ctx) })
	err := work.Wait()
	return result, err
}
