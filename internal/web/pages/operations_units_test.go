package pages

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnitsAreAsPeopleReadThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value interface{ String() string }
		want  string
	}{
		{amount(0), "0"}, {amount(999), "999"}, {amount(1000), "1,000"}, {amount(1234567), "1,234,567"},
		{amount(-1000), "-1,000"}, {amount(-999), "-999"}, {amount(math.MinInt64), "-9,223,372,036,854,775,808"},

		{size(0), "0 bytes"}, {size(999), "999 bytes"}, {size(1000), "1 kB"}, {size(1500), "1.5 kB"},
		{size(16_384), "16 kB"}, {size(999_499), "999 kB"}, {size(999_500), "1 MB"}, {size(1_234_567_890), "1.2 GB"},
		{size(math.MaxInt64), "9,223,372 TB"},

		{lasting(-1), "0 s"}, {lasting(0), "0 s"}, {lasting(math.NaN()), "0 s"}, {lasting(0.0001), "1 ms"}, {lasting(0.35), "350 ms"},
		{lasting(0.9996), "1 s"}, {lasting(2), "2 s"}, {lasting(4.2), "4.2 s"}, {lasting(9.96), "10 s"}, {lasting(59.4), "59 s"}, {lasting(59.6), "1 min"},
		{lasting(125), "2 min 5 s"}, {lasting(3600), "1 h"}, {lasting(3 * 3600), "3 h"}, {lasting(3*3600 + 4*60 + 59), "3 h 4 min"},
		{lasting(86400 + 3*3600), "1 d 3 h"}, {lasting(math.Inf(1)), "115,740 d 17 h"},

		{rate(0), "0/s"}, {rate(0.04), "0/s"}, {rate(0.4), "0.4/s"}, {rate(9.97), "10/s"}, {rate(12.3), "12/s"}, {rate(12345.6), "12,346/s"},
		{millis(0.52), "0.5 ms"}, {millis(12.5), "13 ms"},
	} {
		require.Equal(t, c.want, c.value.String(), "%T", c.value)
	}
}
