package web

import "net/http"

// maxUserID is how many characters a user id may have.
const maxUserID = 128

// UserID says who asks: the query parameter uid, else the header X-User-Id, else
// the cookie uid, else "" for a user who is not known. It is what the client
// says of itself, not proof. It fails with a 400 when the id has more than 128
// characters, or a control character, or is not UTF-8: it goes into the key and
// the headers of messages that others read.
//
// A route that refuses unknown parameters uses [Query.UserID].
func UserID(r *http.Request) (string, error) {
	q := Params(r)
	uid := q.UserID()
	for _, fault := range q.faults {
		if fault.Field == "uid" || fault.Field == headerUserID || fault.Field == cookieUserID {
			return "", BadRequest("The user id cannot be one.", fault)
		}
	}
	return uid, nil
}

const (
	headerUserID = "X-User-Id"
	cookieUserID = "cookie uid"
)

// userIDFromHeaders also says where it found the id, for a fault to name.
func userIDFromHeaders(r *http.Request) (uid, field string) {
	if uid := r.Header.Get(headerUserID); uid != "" {
		return uid, headerUserID
	}
	if cookie, err := r.Cookie("uid"); err == nil {
		return cookie.Value, cookieUserID
	}
	return "", headerUserID
}
