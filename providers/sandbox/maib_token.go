package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// token gives out a token that works for Options.TokenLifetime.
func (m *maib) token(body []byte) reply {
	var ask struct {
		ClientID     string `json:"clientId"`
		ClientSecret string `json:"clientSecret"`
	}
	if json.Unmarshal(body, &ask) != nil {
		return m.error("12001", nil)
	}
	want := m.s.credentials
	if ask.ClientID != want.MaibClientID || ask.ClientSecret != want.MaibClientSecret {
		return m.error("11000", nil)
	}
	now := m.s.options.Now()
	for token, ends := range m.tokens {
		if !now.Before(ends) {
			delete(m.tokens, token)
		}
	}
	token := "sandbox-token-" + rand.Text()
	m.tokens[token] = now.Add(m.s.options.TokenLifetime)
	return m.result(struct {
		AccessToken string `json:"accessToken"`
		ExpiresIn   int64  `json:"expiresIn"` // seconds
		TokenType   string `json:"tokenType"`
	}{token, int64(m.s.options.TokenLifetime / time.Second), "Bearer"})
}

func (m *maib) authorized(r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	ends, known := m.tokens[token]
	return bearer && known && m.s.options.Now().Before(ends)
}

// ExpireTokens makes every maib token that was given out stop working.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.maib.tokens)
}
