package htpasswd_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"refundworker/htpasswd"
)

// The passwords are ann-pass and bob-pass.
const (
	annHash = "$2a$10$1oRGdIwJ6d9Sr3vYWom.rOyulg3eY0fKFB/0CRJUCUb1R.IOWyRO6"
	bobHash = "$2a$10$z/ApNUVhpp2PbdGAUr468OldeJUah01erKkQIxtIvccmJYRyVFaWG"
)

func TestPasswordsAreComparedByPerson(t *testing.T) {
	// Apache writes $2y$ for what Go writes as $2a$.
	text := "# staff\r\n\nann:" + annHash + "\r\nbob@example.com:" + strings.Replace(bobHash, "$2a$", "$2y$", 1)
	f, faults := htpasswd.Parse([]byte(text))
	if len(faults) != 0 || f.Len() != 2 {
		t.Fatalf("got %d people and %v", f.Len(), faults)
	}
	for _, c := range []struct {
		name, password string
		want           bool
	}{
		{"ann", "ann-pass", true}, {"bob@example.com", "bob-pass", true},
		{"ann", "bob-pass", false}, {"ann", "", false}, {"Ann", "ann-pass", false}, {"eve", "ann-pass", false}, {"", "", false},
		{"ann", strings.Repeat("x", 1000), false},
	} {
		if f.Check(c.name, c.password) != c.want {
			t.Errorf("%s with %q: want %t", c.name, c.password, c.want)
		}
	}
}

func TestAnEntryThatIsNotAcceptedIsNamedAndTheOthersStay(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"MD5":               {"eve:$apr1$ZjTqBB3f$IF9gdYAGlMrs2fuINjHsz.", "line 2 (eve): is not a bcrypt hash; make it with htpasswd -B -C 12"},
		"SHA-1":             {"eve:{SHA}2PRZAyDhNDqRW2OUFwZQqPNdaSY=", "line 2 (eve): is not a bcrypt hash"},
		"plain":             {"eve:secret", "line 2 (eve): is not a bcrypt hash"},
		"no password":       {"eve:", "line 2 (eve): is not a bcrypt hash"},
		"a cut hash":        {"eve:" + annHash[:59], "line 2 (eve): is not a bcrypt hash"},
		"something after":   {"eve:" + annHash + ":more", "line 2 (eve): is not a bcrypt hash"},
		"too cheap":         {"eve:$2a$09$hIZr31JO4BAweJcmluMcIe8k9LAcusPucUENGyEcSj8e/2APIPp8a", "line 2 (eve): has a bcrypt cost of 9"},
		"too dear":          {"eve:$2a$15$DG7GVFZmut8RSw2U25.Tku42159x2tmOLwQuPl6N6etNMySXn/SgG", "line 2 (eve): has a bcrypt cost of 15"},
		"no colon":          {"eve", "line 2: must be name:hash"},
		"a space in a name": {"eve x:" + annHash, "line 2: must be name:hash"},
		"a star for a name": {"*:" + annHash, "line 2: must be name:hash"},
		"nobody's":          {":" + annHash, "line 2: must be name:hash"},
		"a long name":       {strings.Repeat("e", 65) + ":" + annHash, "line 2: must be name:hash"},
	} {
		f, faults := htpasswd.Parse([]byte("ann:" + annHash + "\n" + c.line + "\n"))
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, faults, c.want)
			continue
		}
		if strings.Contains(faults[0].Error(), "secret") || strings.Contains(faults[0].Error(), "$2a$") {
			t.Errorf("%s: %v repeats the hash", name, faults[0])
		}
		if f.Len() != 1 || f.Mark("ann") == "" || f.Mark("eve") != "" {
			t.Errorf("%s: ann should be in and eve not", name)
		}
	}
}

func TestANameThatIsThereTwiceIsNobodys(t *testing.T) {
	f, faults := htpasswd.Parse([]byte("ann:" + annHash + "\nann:" + bobHash + "\nann:" + annHash + "\n"))
	if len(faults) == 0 || f.Mark("ann") != "" || f.Check("ann", "ann-pass") || f.Check("ann", "bob-pass") {
		t.Errorf("got %v, and ann has a password", faults)
	}
}

func TestAnUnknownNameCostsAsMuchAsAKnownOne(t *testing.T) {
	for _, cost := range []int{htpasswd.MinCost, 12} {
		hash := htpasswd.Nobody(cost)
		if got, err := bcrypt.Cost(hash); err != nil || got != cost {
			t.Errorf("cost %d: got %d, %v", cost, got, err)
		}
		// A hash that can't be read would be refused at once.
		if err := bcrypt.CompareHashAndPassword(hash, []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("cost %d: the comparison ends by %v", cost, err)
		}
	}
}

func TestTheMarkFollowsThePassword(t *testing.T) {
	before, _ := htpasswd.Parse([]byte("ann:" + annHash))
	after, _ := htpasswd.Parse([]byte("ann:" + bobHash))
	if before.Mark("ann") == after.Mark("ann") || before.Mark("ann") == "" || before.Mark("eve") != "" {
		t.Errorf("marks %q and %q, of nobody %q", before.Mark("ann"), after.Mark("ann"), before.Mark("eve"))
	}
}
