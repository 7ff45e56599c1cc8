package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// cookieName is also what the API knows the reader by, see [web.UserID].
const cookieName = "uid"

// rememberedFor is as long as browsers keep a cookie (RFC 6265bis, section 5.5).
const rememberedFor = 400 * 24 * time.Hour

// reader returns who sends a request, "" for somebody who has not been here before.
func reader(r *http.Request) string {
	if cookie, err := r.Cookie(cookieName); err == nil && uuid.Validate(cookie.Value) == nil {
		return cookie.Value
	}
	return ""
}

// remember gives a reader who has none an id, also for the calls that answer r: by chance,
// and so nobody's name, and unknown to scripts and other sites.
func remember(w http.ResponseWriter, r *http.Request) {
	if reader(r) != "" {
		return
	}
	cookie := &http.Cookie{
		Name: cookieName, Value: uuid.NewString(), Path: "/", MaxAge: int(rememberedFor.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	}
	http.SetCookie(w, cookie)
	r.Header.Del("Cookie")
	r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
}

// pseudonym is what a reader's writes are known by: one reader's are seen to be of one
// reader, in timelines that everybody reads and in a log that is kept for ever. The id
// itself is not, as whoever has it is taken for that reader.
func pseudonym(uid string) string {
	sum := sha256.Sum256([]byte(uid))
	return "reader-" + hex.EncodeToString(sum[:4])
}
