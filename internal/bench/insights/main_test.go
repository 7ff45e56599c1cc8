package insights

import (
	"testing"

	"bookstore/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
