package pages

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Numbers of the API as people read them. JSON is decoded into them, and templates print
// them, so that no template can forget the unit.
type (
	amount  int64   // of anything: 1,234,567
	size    int64   // bytes: 1.2 MB
	lasting float64 // seconds: 2 min 5 s
	rate    float64 // a second: 1,200/s
	millis  float64 // milliseconds: 12.5 ms
)

func (a amount) String() string {
	digits := strconv.FormatInt(int64(a), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

func (s size) String() string {
	value, unit := float64(s), "bytes"
	for _, larger := range []string{"kB", "MB", "GB", "TB"} {
		// What would be rounded to 1,000 is 1.0 of the next.
		if value < 999.5 {
			break
		}
		value, unit = value/1000, larger
	}
	return sized(value, unit == "bytes") + " " + unit
}

// String gives the two largest units, which is as exact as anybody plans by.
func (l lasting) String() string {
	seconds := float64(l)
	switch {
	case math.IsNaN(seconds) || seconds <= 0:
		return "0 s"
	case seconds < 0.9995:
		return fmt.Sprintf("%d ms", max(1, int64(math.Round(seconds*1000))))
	case seconds < 9.95:
		return sized(seconds, false) + " s"
	}
	// Longer than the log is kept anywhere; beyond it the conversion is not defined.
	const longest = 1e10
	whole := int64(math.Round(min(seconds, longest)))
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	switch {
	case whole < minute:
		return fmt.Sprintf("%d s", whole)
	case whole < hour:
		return two(whole, minute, "min", 1, "s")
	case whole < day:
		return two(whole, hour, "h", minute, "min")
	default:
		return two(whole, day, "d", hour, "h")
	}
}

// two gives seconds in a unit, and what is left in a smaller one.
func two(seconds, large int64, largeName string, small int64, smallName string) string {
	text := amount(seconds/large).String() + " " + largeName
	if rest := seconds % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

func (r rate) String() string { return sized(float64(r), false) + "/s" }

func (m millis) String() string { return sized(float64(m), false) + " ms" }

// sized gives a number with a decimal only where it is small enough for that to matter.
func sized(value float64, whole bool) string {
	if !whole && math.Abs(value) < 9.95 && math.Abs(value-math.Round(value)) >= 0.05 {
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return amount(math.Round(value)).String()
}

// ago is how long before now something was.
func ago(now, at time.Time) lasting { return lasting(max(0, now.Sub(at).Seconds())) }

// Some says whether it is not nothing.
func (a amount) Some() bool { return a != 0 }

// One says whether it is followed by the singular.
func (a amount) One() bool { return a == 1 }
