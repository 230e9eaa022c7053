package browsertest_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/redis/go-redis/v9"

	"refundworker/providers/sandbox"
	"refundworker/refund"
	"refundworker/tally"
)

var pictures = flag.Bool("pictures", false, "remake the pictures in docs/images; look at them before you commit them")

// maxPicture is the largest picture, in bytes.
const maxPicture = 150 << 10

func TestPictures(t *testing.T) {
	if !*pictures {
		t.Skip("go test ./web/browsertest -run TestPictures -pictures remakes docs/images")
	}
	browser := browse(t)
	r := newRig(t, withLogin)
	r.fill()
	r.anHour()
	b := open(t, browser, r.origin)
	b.see(look{name: "picture", width: 1280, height: 460})
	b.visit("/review")
	b.picture("login")
	b.login("ann", "ann-pass")
	for _, p := range []struct{ name, path, opened string }{
		{"overview", "/", ""}, {"review", "/review", ""}, {"refund", "/refunds/order-20434-refund-1", `details:has(form[action$="/resolve"]) > summary`},
	} {
		b.see(look{name: "picture", width: 1280, height: 600})
		b.visit(p.path)
		if p.opened != "" {
			b.click(p.opened)
		}
		b.see(look{name: "picture", width: 1280, height: min(eval[int64](b, `document.documentElement.scrollHeight`), 1100)})
		b.picture(p.name)
	}
}

// picture keeps what the window shows.
func (b *tab) picture(name string) {
	b.t.Helper()
	eval[bool](b, `document.activeElement.blur(), window.scrollTo(0, 0), true`)
	raw, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	shown, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, fewer(shown)); err != nil {
		b.t.Fatal(err)
	}
	if out.Len() > maxPicture {
		b.t.Errorf("%s: %d bytes", name, out.Len())
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "images", name+".png"), out.Bytes(), 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("%s: %v, %d bytes", name, shown.Bounds().Max, out.Len())
}

// fewer keeps the 256 colors that are there most, and gives each other one the
// nearest of them: a quarter of the bytes, and nobody sees it.
func fewer(from image.Image) image.Image {
	size := from.Bounds()
	count := map[color.Color]int{}
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			count[from.At(x, y)]++
		}
	}
	kept := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return cmp.Compare(count[b], count[a]) })
	to := image.NewPaletted(size, color.Palette(kept[:min(len(kept), 256)]))
	draw.Draw(to, size, from, size.Min, draw.Src)
	return to
}

// anHour gives the charts a past: what workers would have counted in it.
func (r *rig) anHour() {
	r.t.Helper()
	ctx, rdb := r.t.Context(), r.backend.Redis
	for ago := 1; ago < tally.Minutes; ago++ {
		past := tally.New()
		for i, company := range sandbox.Companies {
			n := (ago*ago*(i+3)/7 + 5*i) % (14 - 3*i)
			for k := range n {
				past.Settled(company, refund.Succeeded, time.Duration(300+170*(k+ago)%2900)*time.Millisecond)
			}
			if (ago+2*i)%11 == 3 {
				past.Settled(company, refund.Declined, 400*time.Millisecond)
			}
			for range 3 * n {
				past.Called(company)
			}
		}
		if err := past.Flush(ctx, rdb); err != nil {
			r.t.Fatal(err)
		}
		r.setBack(rdb, ago)
	}
}

// setBack moves the tallies of the present minute into the past.
func (r *rig) setBack(rdb redis.UniversalClient, minutes int) {
	r.t.Helper()
	ctx := r.t.Context()
	now, err := rdb.Time(ctx).Result()
	if err != nil {
		r.t.Fatal(err)
	}
	keys, err := rdb.Keys(ctx, "refunds:tally:*").Result()
	if err != nil {
		r.t.Fatal(err)
	}
	present := fmt.Sprint(now.Unix() / 60)
	for _, key := range keys {
		if head, ok := strings.CutSuffix(key, present); ok {
			if err := rdb.Rename(ctx, key, head+fmt.Sprint(now.Unix()/60-int64(minutes))).Err(); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}
