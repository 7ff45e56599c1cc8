package postgres_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"bookstore/internal/postgres"
)

func TestArrayText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "{}", postgres.ArrayText(nil))
	require.Equal(t, "{1,-2147483648}", postgres.ArrayText([]int32{1, math.MinInt32}))
}
