package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"bookstore/internal/projection"
	"bookstore/internal/projection/rebuild"
)

// go test ./internal/app -run FireOfARebuild -v -fire.rounds=20

// stocked is how many books there are before anything is rebuilt: enough for a
// rebuild to be met at its work, and few enough to be created in a second.
const stocked = 2048

// rebuildFire is a fire test of rebuilds.
type rebuildFire struct {
	*fire
	hits   map[rebuild.Phase]int // kills, by the phase that they met
	partly int                   // of the kills while copying: how many met it half-way
	ends   map[rebuild.Phase]int // rebuilds, by how they ended
}

// siege is one rebuild and what happens to it.
type siege struct {
	projection string
	held       []rebuild.Phase // it is held in each until it has been killed there
	chance     int             // kills at moments that nobody chooses
	cancel     bool            // after the last kill
}

// inEachPhase meets each phase in three sieges.
var inEachPhase = []siege{
	{projection: "catalog", held: []rebuild.Phase{rebuild.Indexing, rebuild.CatchingUp}},
	{projection: "catalog", held: []rebuild.Phase{rebuild.Copying, rebuild.Differs}, cancel: true},
	{projection: "catalog", held: []rebuild.Phase{rebuild.Verifying, rebuild.Switching}},
}

// siege of a round: the first three are given, those behind are anything.
func (f *rebuildFire) siege(round int) siege {
	if round < len(inEachPhase) {
		return inEachPhase[round]
	}
	s := siege{projection: "catalog", cancel: f.random.IntN(4) == 0}
	if f.random.IntN(3) == 0 {
		s.projection = "history"
	}
	if f.random.IntN(2) == 0 {
		s.chance = 1 + f.random.IntN(2)
		return s
	}
	phases := []rebuild.Phase{rebuild.Copying, rebuild.Indexing, rebuild.CatchingUp, rebuild.Verifying, rebuild.Switching}
	first := f.random.IntN(len(phases))
	s.held = append(s.held, phases[first])
	if second := first + 1 + f.random.IntN(len(phases)); second < len(phases) {
		s.held = append(s.held, phases[second])
	}
	return s
}

// TestFireOfARebuild kills the service that runs everything itself, and sometimes
// PostgreSQL with it, in each phase of a rebuild, while clients read and write.
func TestFireOfARebuild(t *testing.T) {
	t.Parallel()
	f := &rebuildFire{fire: newFire(t), hits: make(map[rebuild.Phase]int), ends: make(map[rebuild.Phase]int)}
	const prefix = "rebuildfire"
	p := newProcess(t, filepath.Join(f.dir, "service"), prefix, map[string]string{"BOOKSTORE_EMBEDDED_KAFKA_PORT": "0"})
	f.load = newLoad(f.ledger, newClient(t), f.seed, p)
	// What the process runs itself is elsewhere after each start.
	var b bookstore
	var pool *pgxpool.Pool
	up := func() {
		info := f.up(t, p)
		b = bookstore{brokers: info.Brokers, topics: topicsOf(prefix), database: info.Database}
		pool = b.connect(t)
	}
	kill := func() {
		pool.Close()
		p.kill(t, f.random.IntN(3) == 0)
		up()
	}
	up()
	buildGates(t, pool)
	f.load.stock(t.Context(), stocked)
	for round := range *fireRounds {
		s := f.siege(round)
		var spoilt spoilt
		if slices.Contains(s.held, rebuild.Differs) {
			spoilt = spoil(t, pool)
		}
		shut(t, pool, s.held...)
		f.load.start(t.Context())
		id := f.begin(t, p, s.projection)
		for _, phase := range s.held {
			release := f.await(t, pool, id, phase)
			f.meet(t, pool, id)
			kill()
			release()
			require.Equal(t, phase, stateOf(t, pool, id).Phase, "it goes on where it was")
			if phase != s.held[len(s.held)-1] || !s.cancel {
				open(t, pool, phase)
			}
		}
		for range s.chance {
			pause(t.Context(), f.upTo(800*time.Millisecond))
			f.meet(t, pool, id)
			kill()
		}
		f.end(t, p, pool, id, s.cancel)
		open(t, pool, s.held...)
		spoilt.mend(t, pool)
		f.finish(t, b)
		requireNothingLeft(t, pool)
	}
	f.calm(t, p, b, pool)
	f.reportRebuilds(t)
}

// TestFireOfARebuildsOwner kills the one of two services that carries a rebuild out.
// The other one takes it over, and ends it before the first one is back.
func TestFireOfARebuildsOwner(t *testing.T) {
	t.Parallel()
	f := &rebuildFire{fire: newFire(t), hits: make(map[rebuild.Phase]int), ends: make(map[rebuild.Phase]int)}
	b, settings := f.homes(t)
	pair := []*process{
		newProcess(t, filepath.Join(f.dir, "first"), topicPrefix(b), settings),
		newProcess(t, filepath.Join(f.dir, "second"), topicPrefix(b), settings),
	}
	f.load = newLoad(f.ledger, newClient(t), f.seed, pair...)
	for _, p := range pair {
		f.up(t, p)
	}
	pool := b.connect(t)
	buildGates(t, pool)
	f.awaitShared(t, pair)
	f.load.stock(t.Context(), stocked)
	phases := []rebuild.Phase{rebuild.Indexing, rebuild.CatchingUp, rebuild.Copying, rebuild.Verifying, rebuild.Switching, rebuild.Differs}
	for round := range *fireRounds {
		phase := phases[round%len(phases)]
		var spoilt spoilt
		if phase == rebuild.Differs {
			spoilt = spoil(t, pool)
		}
		shut(t, pool, phase)
		f.load.start(t.Context())
		id := f.begin(t, pair[f.random.IntN(len(pair))], "catalog")
		release := f.await(t, pool, id, phase)
		owner := f.meet(t, pool, id)
		victim, other := pair[0], pair[1]
		if pidOf(t, owner) != victim.cmd.Process.Pid {
			victim, other = other, victim
		}
		require.Equal(t, victim.cmd.Process.Pid, pidOf(t, owner))
		victim.kill(t, false)
		release()
		open(t, pool, phase)
		f.end(t, other, pool, id, false)
		require.Equal(t, other.cmd.Process.Pid, pidOf(t, stateOf(t, pool, id)))
		spoilt.mend(t, pool)

		f.up(t, victim)
		f.finish(t, b)
		requireNothingLeft(t, pool)
		f.awaitShared(t, pair)
	}
	f.reportRebuilds(t)
}

// begin starts a rebuild by way of a process.
func (f *rebuildFire) begin(t *testing.T, by *process, name string) (id int64) {
	t.Helper()
	a, err := send(t.Context(), f.load.client, http.MethodPost, *by.url.Load()+"/api/projections/"+name+"/rebuilds", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, a.status, string(a.body))
	return decode[rebuild.Rebuild](t, a).ID
}

// await waits until a rebuild is in a phase that it is held in. An index can't be
// made before what it returns is called.
func (f *rebuildFire) await(t *testing.T, pool *pgxpool.Pool, id int64, phase rebuild.Phase) (release func()) {
	t.Helper()
	release = func() {}
	if phase == rebuild.Indexing {
		release = stallIndexes(t, pool, stateOf(t, pool, id))
	}
	await(t, caughtUpBound, "the rebuild does not come to the phase "+string(phase), func() bool {
		b := stateOf(t, pool, id)
		require.False(t, b.Phase.Over(), "it is %s: %s", b.Phase, b.Trouble)
		return b.Phase == phase && (phase != rebuild.Copying || copied(t, pool, b) > 0)
	})
	pause(t.Context(), f.upTo(100*time.Millisecond))
	return release
}

// meet takes note of what a kill meets.
func (f *rebuildFire) meet(t *testing.T, pool *pgxpool.Pool, id int64) rebuild.Rebuild {
	t.Helper()
	b := stateOf(t, pool, id)
	f.hits[b.Phase]++
	if n := copied(t, pool, b); b.Phase == rebuild.Copying && n > 0 && n < stocked {
		f.partly++
	}
	return b
}

// end sees a rebuild to its end: cancelled, if that comes before it has switched.
func (f *rebuildFire) end(t *testing.T, by *process, pool *pgxpool.Pool, id int64, cancel bool) {
	t.Helper()
	tell := func(order string) int {
		b := stateOf(t, pool, id)
		url := fmt.Sprintf("%s/api/projections/%s/rebuilds/%d/%s", *by.url.Load(), b.Projection, id, order)
		a, err := send(t.Context(), f.load.client, http.MethodPost, url, nil, nil)
		require.NoError(t, err)
		require.Contains(t, []int{http.StatusAccepted, http.StatusConflict}, a.status, string(a.body))
		return a.status
	}
	want := rebuild.Switched
	if cancel && tell("cancel") == http.StatusAccepted {
		want = rebuild.Cancelled
	}
	var b rebuild.Rebuild
	await(t, caughtUpBound, "the rebuild does not end", func() bool {
		if b = stateOf(t, pool, id); b.Phase == rebuild.Differs && b.Wish == rebuild.Run && !b.AcceptDiff {
			tell("accept")
		}
		return b.Phase.Over()
	})
	require.Equal(t, want, b.Phase, "%+v", b)
	f.ends[b.Phase]++
	active, err := projection.ActiveGeneration(t.Context(), pool, b.Projection)
	require.NoError(t, err)
	if b.Phase == rebuild.Switched {
		require.Equal(t, b.Generation, active)
	} else {
		require.Equal(t, *b.Replaces, active)
	}
}

// calm rebuilds while nobody writes: a rebuild publishes nothing, and what it has
// replaced can come back.
func (f *rebuildFire) calm(t *testing.T, p *process, b bookstore, pool *pgxpool.Pool) {
	t.Helper()
	before, err := b.end(t.Context(), b.topics.Events)
	require.NoError(t, err)
	for _, name := range []string{"catalog", "history"} {
		id := f.begin(t, p, name)
		f.end(t, p, pool, id, false)
		a, err := send(t.Context(), f.load.client, http.MethodPost, *p.url.Load()+"/api/projections/"+name+"/rollback", nil, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		active, err := projection.ActiveGeneration(t.Context(), pool, name)
		require.NoError(t, err)
		require.Equal(t, *stateOf(t, pool, id).Replaces, active)
	}
	after, err := b.end(t.Context(), b.topics.Events)
	require.NoError(t, err)
	require.Equal(t, before, after, "a rebuild has published events")
	b.requireVerified(t, pool)
	requireNothingLeft(t, pool)
}

func (f *rebuildFire) reportRebuilds(t *testing.T) {
	t.Helper()
	if *fireRounds >= len(inEachPhase) && strings.HasSuffix(t.Name(), "OfARebuild") {
		for _, s := range inEachPhase {
			for _, phase := range s.held {
				require.NotZero(t, f.hits[phase], "no kill has met the phase %s", phase)
			}
		}
	}
	t.Logf("kills by phase: %v, half-way in copying: %d; rebuilds: %v", f.hits, f.partly, f.ends)
	f.report(t, *fireRounds)
}

func stateOf(t *testing.T, pool *pgxpool.Pool, id int64) rebuild.Rebuild {
	t.Helper()
	b, err := rebuild.Get(t.Context(), pool, id)
	require.NoError(t, err)
	return b
}

// copied is how many events a generation has that is not attached yet.
func copied(t *testing.T, pool *pgxpool.Pool, b rebuild.Rebuild) (n int64) {
	t.Helper()
	at, err := projection.Checkpoints(t.Context(), pool, projection.BuildConsumer(b.Projection, b.Generation))
	require.NoError(t, err)
	for _, next := range at {
		n += next
	}
	return n
}

// pidOf is the process that owns a rebuild.
func pidOf(t *testing.T, b rebuild.Rebuild) int {
	t.Helper()
	parts := strings.Split(b.Owner, "/")
	require.Len(t, parts, 3, b.Owner)
	pid, err := strconv.Atoi(parts[1])
	require.NoError(t, err)
	return pid
}

// buildGates makes it possible to hold rebuilds in a phase, also beyond a crash:
// while the gate of a phase is shut, the database refuses its end as it does where a
// lock can't be had, which is tried again.
func buildGates(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `
		CREATE TABLE fire_gates (phase text PRIMARY KEY);
		CREATE FUNCTION fire_gate() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.finished_at IS NULL OR NEW.phase = 'switched' THEN
				IF EXISTS (SELECT FROM fire_gates WHERE phase = OLD.phase) THEN
					RAISE EXCEPTION 'the gate is shut' USING ERRCODE = 'lock_not_available';
				END IF;
			END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER fire_gate BEFORE UPDATE ON rebuilds FOR EACH ROW
			WHEN (OLD.phase <> NEW.phase) EXECUTE FUNCTION fire_gate()`)
	require.NoError(t, err)
}

func shut(t *testing.T, pool *pgxpool.Pool, phases ...rebuild.Phase) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `INSERT INTO fire_gates SELECT unnest($1::text[])`, phases)
	require.NoError(t, err)
}

func open(t *testing.T, pool *pgxpool.Pool, phases ...rebuild.Phase) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `DELETE FROM fire_gates WHERE phase = ANY ($1)`, phases)
	require.NoError(t, err)
}

// stallIndexes lets rows go into the new tables, and no index be made of them.
func stallIndexes(t *testing.T, pool *pgxpool.Pool, b rebuild.Rebuild) (release func()) {
	t.Helper()
	// Not of the pool, which could not be closed before this is over.
	conn, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	require.NoError(t, err)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	var tables []string
	err = tx.QueryRow(t.Context(), `SELECT tables FROM generations WHERE projection = $1 AND generation = $2`, b.Projection, b.Generation).Scan(&tables)
	require.NoError(t, err)
	for _, table := range tables {
		_, err := tx.Exec(t.Context(), `LOCK TABLE `+pgx.Identifier{table}.Sanitize()+` IN ROW EXCLUSIVE MODE`)
		require.NoError(t, err)
	}
	return func() { _ = conn.Close(t.Context()) } // the server may be gone
}

// spoilt is a row of the active generation that is not what the log gives.
type spoilt struct{ table, was string }

// spoil changes a book that nobody writes to any more.
func spoil(t *testing.T, pool *pgxpool.Pool) spoilt {
	t.Helper()
	active, err := projection.ActiveGeneration(t.Context(), pool, "catalog")
	require.NoError(t, err)
	s := spoilt{table: projection.TableName("catalog_books", active)}
	first := `(SELECT min(id) FROM ` + s.table + `)`
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT description FROM `+s.table+` WHERE id = `+first).Scan(&s.was))
	_, err = pool.Exec(t.Context(), `UPDATE `+s.table+` SET description = 'Changed behind its back' WHERE id = `+first)
	require.NoError(t, err)
	return s
}

// mend undoes it, unless that generation is gone or nothing was done.
func (s spoilt) mend(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	if s.table == "" {
		return
	}
	_, err := pool.Exec(t.Context(), `UPDATE `+s.table+` SET description = $1 WHERE description = 'Changed behind its back'`, s.was)
	require.NoError(t, err)
}

// requireNothingLeft looks for what belongs to no generation that there is, and for
// more generations than one to answer and one to go back to.
func requireNothingLeft(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT 'table ' || relname FROM pg_class
		WHERE relkind = 'r' AND relname ~ '_g[0-9]+$' AND relnamespace = current_schema()::regnamespace
			AND relname <> ALL (SELECT unnest(tables) FROM generations)
		UNION ALL SELECT 'checkpoint of ' || consumer || ' ' || partition FROM checkpoints WHERE consumer LIKE '%/%'
		UNION ALL SELECT 'parked ' || topic || ' ' || partition || ':' || record_offset FROM parked_records
		UNION ALL SELECT projection || ' ' || generation || ' is ' || state FROM generations WHERE state = 'building' OR NOT attached
		UNION ALL SELECT projection || ' has ' || count(*) || ' generations' FROM generations GROUP BY projection HAVING count(*) > 2
		UNION ALL SELECT 'rebuild ' || id || ' is ' || phase FROM rebuilds WHERE finished_at IS NULL`)
	require.NoError(t, err)
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, left)
}
