package operations

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPace(t *testing.T) {
	t.Parallel()
	at := func(milliseconds int, applied int64) mark {
		return mark{time.UnixMilli(1_700_000_000_000).Add(time.Duration(milliseconds) * time.Millisecond), applied}
	}
	var p pace
	for _, look := range []struct {
		name  string
		marks map[string]mark
		want  *float64
	}{
		{"the first", map[string]mark{"catalog": at(0, 100)}, nil},
		{"the second", map[string]mark{"catalog": at(1000, 300), "history": at(1000, 7)}, new(200.0)},
		{"a late one", map[string]mark{"catalog": at(3000, 500)}, new(100.0)},
		{"nothing came", map[string]mark{"catalog": at(4000, 500)}, new(0.0)},
		{"PostgreSQL lost its last moments", map[string]mark{"catalog": at(5000, 400)}, nil},
		{"and goes on", map[string]mark{"catalog": at(5500, 500)}, new(200.0)},
		{"the database is away", nil, nil},
		{"and back", map[string]mark{"catalog": at(9000, 900)}, nil},
		{"a clock that was set back", map[string]mark{"catalog": at(8000, 950)}, nil},
	} {
		p.see(look.marks)
		require.Equal(t, look.want, p.of("catalog"), look.name)
		require.Nil(t, p.of("history"), look.name)
	}
}
