package throughput

import (
	"bytes"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"time"
)

// Memory is the most that a measurement has held.
type Memory struct {
	// PeakRSS is the high-water mark of what the process had in memory, in bytes; 0
	// where the system has no /proc.
	PeakRSS int64 `json:"peak_rss"`
	// PeakHeap is the most that objects on Go's heap were seen to take, in bytes,
	// those included that the next collection would find dead.
	PeakHeap int64 `json:"peak_heap"`
}

// memoryWatch looks at the heap now and then; the system watches the rest.
type memoryWatch struct {
	peak int64
	quit chan struct{}
	done chan struct{}
}

// heapInterval is how often the heap is looked at. Reading one figure takes less
// than a microsecond.
const heapInterval = 20 * time.Millisecond

// watchMemory begins with what is held now as the peak.
func watchMemory() *memoryWatch {
	debug.FreeOSMemory()
	// proc(5): 5 resets the peak of the resident set. Where that can't be done the
	// peak is that of the process, which has done little else.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	w := &memoryWatch{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		ticker := time.NewTicker(heapInterval)
		defer ticker.Stop()
		for {
			w.peak = max(w.peak, heapObjects())
			select {
			case <-ticker.C:
			case <-w.quit:
				return
			}
		}
	}()
	return w
}

func (w *memoryWatch) stop() Memory {
	close(w.quit)
	<-w.done
	return Memory{PeakRSS: peakRSS(), PeakHeap: w.peak}
}

func heapObjects() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// peakRSS reads VmHWM, which Linux gives in kB.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == "VmHWM:" {
			kb, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			return kb << 10
		}
	}
	return 0
}
