package journal_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"refundworker/internal/redistest"
	"refundworker/journal"
	"refundworker/redisconn"
	"refundworker/refund"
)

// values searches page by page and returns "value id" of each match.
func values(t *testing.T, j *journal.Journal, value string) []string {
	t.Helper()
	var all []string
	for after := ""; ; {
		found, more, err := j.Search(t.Context(), value, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range found {
			all = append(all, m.Value+" "+m.Record.ID)
			after = m.Place
		}
		if !more || len(all) > 1000 {
			return all
		}
	}
}

// real is a journal on a real redis-server.
func real(t *testing.T) (*journal.Journal, *redis.Client) {
	t.Helper()
	server := redistest.Start(t)
	rdb := server.Client(t)
	return journal.New(rdb, redisconn.NewWaiter(rdb, "none", time.Second), journal.Options{Window: window, Retention: time.Millisecond}), rdb
}

func put(t *testing.T, j *journal.Journal, o refund.Order) {
	t.Helper()
	if taken, err := j.Take(t.Context(), o, journal.Taking{RecordRefusal: true}); err != nil || taken.Record == nil {
		t.Fatalf("%+v, %v", taken, err)
	}
}

func TestRefundsAreFoundByMetadata(t *testing.T) {
	t.Parallel()
	embedded := open(t)
	server, _ := real(t)
	for name, j := range map[string]*journal.Journal{"emulated": embedded.Journal, "real": server} {
		t.Run(name, func(t *testing.T) {
			put(t, j, of("b", 1, map[string]string{"order": "7"}))
			put(t, j, of("a", 2, map[string]string{"order": "7", "customer": "77"}))
			put(t, j, of("c", 3, map[string]string{"order": "78", "note": `<b>"ü"</b>`}))
			put(t, j, of("d", 4, map[string]string{"order": "7\x00"}))
			put(t, j, of("e", 5, map[string]string{"long": strings.Repeat("x", journal.MaxFindable+1), "empty": ""}))
			put(t, j, of("f", 6, map[string]string{"long": strings.Repeat("y", journal.MaxFindable)}))
			put(t, j, of("g", 7, nil))
			many := map[string]string{}
			for i := range 17 {
				many[fmt.Sprintf("k%02d", i)] = fmt.Sprintf("many-%02d", i)
			}
			put(t, j, of("h", 8, many))
			for i := range 20 {
				put(t, j, of(fmt.Sprintf("p-%02d", i), 10+i, map[string]string{"batch": "spring"}))
			}
			for value, want := range map[string][]string{
				// What is equal comes before what begins alike, and a refund comes once a page.
				"7":                                  {"7 a", "7 b", "78 c"},
				"77":                                 {"77 a"},
				"78":                                 {"78 c"},
				`<b>"ü"`:                             {`<b>"ü"</b> c`},
				strings.Repeat("x", 100):             nil,
				strings.Repeat("y", 128):             {strings.Repeat("y", 128) + " f"},
				strings.Repeat("y", 129):             nil,
				"many-15":                            {"many-15 h"},
				"many-16":                            nil, // of the seventeenth key
				"\xff":                               nil,
				"no such":                            nil,
				"":                                   nil,
				strings.Repeat("z", 1<<10) + "\x00*": nil,
			} {
				got := values(t, j, value)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%q: %q, want %q", value, got, want)
				}
			}
			if got := values(t, j, "7"); got[0] != "7 a" || got[1] != "7 b" {
				t.Errorf("equal values do not come first: %q", got)
			}
			got := values(t, j, "spri")
			if len(got) != 20 || got[0] != "spring p-00" || got[19] != "spring p-19" {
				t.Errorf("over several pages: %q", got)
			}
		})
	}
}

func TestARefusedForeignRefundIsFoundToo(t *testing.T) {
	j, _ := real(t)
	put(t, j, of("first", 1, nil))
	put(t, j, of("twin", 1, map[string]string{"order": "7"})) // a duplicate
	if got := values(t, j, "7"); !slices.Equal(got, []string{"7 twin"}) {
		t.Errorf("%q", got)
	}
}

func TestWhatIsForgottenIsNoLongerFound(t *testing.T) {
	t.Parallel()
	j, rdb := real(t)
	put(t, j, of("gone", 1, map[string]string{"order": "7", "customer": "ann"}))
	put(t, j, of("stays", 2, map[string]string{"order": "7"}))
	rec, err := j.Load(t.Context(), provider, "5000000001", "gone")
	if err == nil {
		_, err = j.Apply(t.Context(), rec, journal.Step{To: refund.Canceled, NoDue: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, "it is forgotten", func() bool {
		n, err := j.Prune(t.Context(), 10)
		return err == nil && n == 1
	})
	if got := values(t, j, "7"); !slices.Equal(got, []string{"7 stays"}) {
		t.Errorf("%q", got)
	}
	left := 0
	for bucket := range journal.Buckets {
		left += int(rdb.ZCard(t.Context(), fmt.Sprintf("refunds:{%03d}:m", bucket)).Val())
	}
	if left != 1 {
		t.Errorf("%d members of the index are left, want 1", left)
	}
}
