package app_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bookstore/internal/events"
	"bookstore/internal/projection/rebuild"
	"bookstore/internal/testenv/browser"
	"bookstore/internal/web"
)

// go test ./internal/app -run Screenshots -screenshots
var screenshots = flag.Bool("screenshots", false, "make the pictures in docs/screenshots anew, which takes over two minutes")

// pictures is where they are.
const pictures = "../../docs/screenshots"

// What is seen of a page, and of the storefront, where trends come last.
var (
	desk = browser.Size{Width: 1280, Height: 800}
	high = browser.Size{Width: 1280, Height: 1080}
)

// TestScreenshots shows the pages on an ordinary day: readers look for this and that, and
// some books get better. It is no test, but needs all that the tests here have.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	if !*screenshots {
		t.Log("without -screenshots, the pictures stay as they are")
		return
	}
	s := openShop(t)
	whale := s.find(t, "Moby-Dick")
	s.edit(t, whale, "ann", func(d *events.Details) { d.ISBN = "9780142437247" })
	s.edit(t, whale, "ben", func(d *events.Details) {
		d.Title, d.PublishedAt = "Moby-Dick", "1851-11-14"
	})
	for _, name := range []string{"history", "catalog"} {
		require.Equal(t, rebuild.Switched, awaitOver(t, s.pool, startRebuild(s.api, name, rebuild.Request{}), slowly).Phase)
	}
	page := s.visitor(t).Open("/")
	for _, words := range []string{"white whale", "jane austen", "island"} {
		lookFor(page, words)
	}
	s.anOrdinaryDay(t, 2*time.Minute)

	shoot := func(name string, size browser.Size) {
		path := filepath.Join(pictures, name+".png")
		page.Screenshot(path, size)
		shrink(t, path)
	}
	page.Open("/")
	awaitReloading(t, page, "the storefront is not as it is every day", func() bool {
		return page.Count("#recommendations li") == 6 && page.Count("#trends li") == 8
	})
	shoot("storefront", high)
	page.Dark()
	shoot("storefront-dark", high)
	page.Light().Resize(browser.Phone).Open("/?q=island").WaitVisible("#results mark")
	shoot("storefront-phone", browser.Phone)
	page.Resize(desk).Open(fmt.Sprintf("/books/%d", whale)).WaitVisible("#timeline #v3")
	shoot("book", desk)
	page.Open("/operations").WaitText("#live-state", "Live").WaitText("#catalog-figures", "level")
	shoot("operations", desk)
}

// find returns the id of the first book of that name.
func (s shop) find(t *testing.T, title string) int64 {
	t.Helper()
	found := decode[[]web.Book](t, s.api.get("/api/books?q="+url.QueryEscape(title), nil))
	require.NotEmpty(t, found, title)
	return found[0].ID
}

// edit has somebody change a book.
func (s shop) edit(t *testing.T, id int64, who string, change func(*events.Details)) {
	t.Helper()
	shown := s.api.get(bookPath(id), nil)
	book := decode[events.Details](t, shown)
	change(&book)
	a := s.api.do(http.MethodPut, bookPath(id), headers{"If-Match": shown.header.Get("ETag"), "X-User-Id": who}, book)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
}

// wishes are what readers look for, most of them the first.
var wishes = []string{
	"white whale", "jane austen", "island", "dickens", "garden", "odyssey", "murder", "Толстой", "king", "don quixote", "letters", "sea", "desert",
}

// anOrdinaryDay has readers search, now more, now less, and two people see to the books.
func (s shop) anOrdinaryDay(t *testing.T, long time.Duration) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 0)) // the same day each time
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for second := 0; time.Since(began) < long; second++ {
		wave := 24 + 15*math.Sin(float64(second)/11) + 4*math.Sin(float64(second)/2.7) + 5*random.Float64()
		for range int(wave) {
			wish := wishes[int(float64(len(wishes))*math.Pow(random.Float64(), 1.7))]
			reader := fmt.Sprintf("reader-%d", random.IntN(400))
			a := s.api.get("/api/books?q="+url.QueryEscape(wish), headers{"X-User-Id": reader})
			require.Equal(t, http.StatusOK, a.status)
		}
		for range random.IntN(4) * random.IntN(3) {
			who := []string{"ann", "ben"}[random.IntN(2)]
			s.edit(t, firstOfSample+random.Int64N(300), who, func(d *events.Details) {
				d.Description = strings.TrimSuffix(d.Description, ".") + "."
			})
		}
		<-tick.C
	}
}

// shrink takes a third off a picture: colours that nobody tells apart become one.
func shrink(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(content))
	require.NoError(t, err)
	fewer := image.NewRGBA(picture.Bounds())
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			fewer.SetRGBA(x, y, color.RGBA{R: coarse(r), G: coarse(g), B: coarse(b), A: math.MaxUint8})
		}
	}
	var small bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, fewer))
	require.NoError(t, os.WriteFile(path, small.Bytes(), 0o644))
}

// coarse takes a part of a colour, as [color.Color] has it, to the next of 65 steps.
func coarse(part uint32) uint8 { return uint8(min((part>>8+2)/4*4, math.MaxUint8)) }
