package browser

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// styled shows width and colour scheme by what is visible.
var styled = map[string]string{
	"/": `<p class="narrow">narrow</p><p class="wide">wide</p><p class="light">light</p><p class="dark">dark</p>` +
		`<link rel="stylesheet" href="/a.css">`,
	"/a.css": `.narrow, .dark { display: none }
		@media (max-width: 600px) { .narrow { display: block } .wide { display: none } }
		@media (prefers-color-scheme: dark) { .dark { display: block } .light { display: none } body { background: black; color: white } }`,
	"/broad":   `<div id="broad">x</div><link rel="stylesheet" href="/b.css">`,
	"/b.css":   `#broad { width: 500px }`,
	"/scrolls": `<div id="box"><div id="broad">x</div></div><link rel="stylesheet" href="/c.css">`,
	"/c.css":   `#broad { width: 500px } #box { overflow-x: auto }`,
}

func TestSizesAndSchemes(t *testing.T) {
	t.Parallel()
	page := New(t, site(t, styled)).Open("/")
	require.Equal(t, []string{"wide", "light"}, page.Texts("p"))
	page.Dark().WaitVisible(".dark")
	require.Equal(t, []string{"wide", "dark"}, page.Texts("p"))
	page.Resize(Phone).WaitVisible(".narrow")
	require.Equal(t, []string{"narrow", "dark"}, page.Texts("p"))
	page.Light().Resize(Wide).Open("/")
	require.Equal(t, []string{"wide", "light"}, page.Texts("p"))

	var size [2]int
	page.Eval("[innerWidth, innerHeight]", &size)
	require.Equal(t, [2]int{1440, 900}, size)
	page.Resize(Phone).Open("/").Eval("[innerWidth, innerHeight]", &size)
	require.Equal(t, [2]int{375, 812}, size)
}

func TestFitting(t *testing.T) {
	t.Parallel()
	base := site(t, styled)
	require.Empty(t, try(t, func(t *trial) {
		New(t, base).Open("/broad").RequireFits().Resize(Phone).Open("/").RequireFits().Open("/scrolls").RequireFits()
	}))
	requireOne(t, try(t, func(t *trial) {
		New(t, base).Resize(Phone).Open("/broad").RequireFits()
	}), "wider than the window", `<div id="broad">`)
}

func TestScreenshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pictures", "page.png")
	page := New(t, site(t, styled)).Dark().Open("/").Screenshot(path, Phone)
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	picture, err := png.Decode(file)
	require.NoError(t, err)
	require.Equal(t, 375, picture.Bounds().Dx())
	require.Equal(t, 812, picture.Bounds().Dy())
	red, green, blue, _ := picture.At(374, 811).RGBA()
	require.Zero(t, red+green+blue, "dark")
	require.Equal(t, []string{"narrow", "dark"}, page.Texts("p"))
}
